"""The commands of a Markdown page: fenced blocks by language, and code in the middle of a sentence.

A block of the language ``sh`` holds lines to type, ``console`` lines after ``$ `` with their output below, ``python``
a program. A line that ends with a backslash goes on.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tests_support.checkout import text_of, tracked

DOCUMENTS: Final = tuple(name for name in tracked() if re.fullmatch(r"README\.md|SECURITY\.md|docs/.*\.md", name))
"""The pages that tell a user what to type."""

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN: Final = re.compile(r"`([^`]+)`")
_SEPARATORS: Final = frozenset("();|&")
_SUBSTITUTION: Final = re.compile(r"<\((.*?)\)")
_ASSIGNMENT: Final = re.compile(r"\w+=")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``line`` is the number of its first line within the page."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Typed:
    """A command line with the output that is shown below it.

    ``quoted`` says that it stands in a sentence, where a part may be all that is meant.
    """

    page: str
    line: int
    command: str
    output: str = ""
    quoted: bool = False

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.command}"


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = text_of(page) or ""
    for found in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, found.start(2)) + 1, found[1], found[2])


def typed(page: str) -> Iterator[Typed]:
    """Yield the command lines of a page's blocks."""
    for block in blocks(page):
        if block.language in ("sh", "console"):
            yield from _of_block(block)


def quoted(page: str) -> Iterator[Typed]:
    """Yield the code that stands in the sentences and tables of a page."""
    text = text_of(page) or ""
    prose = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
    for found in _SPAN.finditer(prose):
        yield Typed(page, prose.count("\n", 0, found.start()) + 1, " ".join(found[1].split()), quoted=True)


def simple_commands(line: str) -> list[list[str]]:
    """Return the words of each program that a shell would start for a line, without variables and redirections.

    Raises ValueError for a quote that is not closed.
    """
    inner = [words for found in _SUBSTITUTION.findall(line) for words in simple_commands(found)]
    lexer = shlex.shlex(_SUBSTITUTION.sub("FILE", line), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word in ("<", ">"):
            next(lexer)
        elif set(word) <= _SEPARATORS:
            commands.append([])
        elif commands[-1] or not (_ASSIGNMENT.match(word) or word in ("do", "done")):
            commands[-1].append(word)
    return [*inner, *(words for words in commands if words)]


def _of_block(block: Block) -> Iterator[Typed]:
    prompt = "$ " if block.language == "console" else ""
    shown: list[Typed] = []
    lines = iter(enumerate(block.text.splitlines(), block.line))
    for number, line in lines:
        if line.startswith(prompt) and line:
            command = line.removeprefix(prompt)
            while command.endswith("\\"):
                command = command[:-1] + next(lines)[1].lstrip()
            shown.append(Typed(block.page, number, command))
        elif prompt:
            shown[-1] = replace(shown[-1], output=f"{shown[-1].output}{line}\n")
    yield from shown
