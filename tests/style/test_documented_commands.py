"""What README.md and docs/ tell a user to type is what the programs take. Nothing is executed here.

`tests/broker/test_documents.py` runs what can run on a live stack.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests_support.checkout import ROOT
from tests_support.documents.blocks import DOCUMENTS, Typed, blocks, quoted, simple_commands, typed
from tests_support.documents.parsers import WrongCommandError, check

LANGUAGES = {"console", "json", "logql", "python", "sh", "text", "traceql"}
OTHERS = {
    "cd", "curl", "docker", "echo", "export", "for", "git", "grep", "grpcurl", "k6", "python", "sed", "sha256sum",
    "ssh-keygen", "unzip", "zcat",
}  # fmt: skip
"""The programs of others that blocks may start: whoever names another one sees whether a test can run it."""

TIMEOUT_S = 200
_BLANK = re.compile(r"<[a-z][a-z ]*>")


def wrong(line: Typed) -> str:
    """Return why a program would refuse a line, "" when it would not."""
    if _BLANK.search(line.command):
        return f"{line}: a shell takes < for a redirection: write a value that can be pasted, or a word in capitals"
    try:
        commands = simple_commands(line.command)
    except ValueError:
        return "" if line.quoted else f"{line}: a quote is not closed"
    try:
        unknown = [words[0] for words in commands if not check(words, line.quoted)]
    except WrongCommandError as error:
        return f"{line}: {error}"
    if "…" in line.command and ((commands and len(unknown) < len(commands)) or set(unknown) & OTHERS):
        return f"{line}: a part is left out, so it cannot be pasted"
    stranger = not line.quoted and set(unknown) - OTHERS
    return f"{line}: is {stranger} a program that a user has?" if stranger else ""


@pytest.mark.parametrize("page", DOCUMENTS)
def test_a_document_s_commands_are_taken_by_the_programs(page: str) -> None:
    """Each documented command is accepted by the justfile or by its program's own parser."""
    assert [why for line in [*typed(page), *quoted(page)] if (why := wrong(line))] == []


@pytest.mark.parametrize("page", DOCUMENTS)
def test_every_block_of_a_document_has_a_language(page: str) -> None:
    """Each code block of a document names its language, since one without could hide commands from tests."""
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize(
    ("command", "is_quoted"),
    [
        ("just nothing", True),
        ("just _lock", True),
        ("just down now", False),
        ("just up composed", False),
        ("just load-compare A", False),
        ("./justw run tally ad 2 40.5", True),
        ("tally add 2", False),
        ("tally repair --partition three", False),
        ("tally verify --topics", True),
        ("codegen plan --online", True),
        ("zcat x | tally load - --c net", False),
        ("tally load <(just nothing) --a net --b tax", False),
        ("python -m tally.nothing", True),
        ("rm -r data", False),
        ("tally add '2", False),
        ("curl 127.0.0.1:8000/v1/requests/<request id>", True),
        ("curl 127.0.0.1:8000/v1/requests/c45f…", True),
        ("tally trace c45f…", True),
        ("git clone <this repository> tally", False),
    ],
)
def test_the_check_of_commands_sees_a_wrong_one(command: str, is_quoted: bool) -> None:
    """A recipe, subcommand, option or value that does not exist is told, wherever in the line it stands."""
    assert wrong(Typed("page.md", 1, command, quoted=is_quoted))


@pytest.mark.parametrize("command", ["tally repair --partition 3 --from peer --peer DIRECTORY", "tally verify --topic"])
def test_a_sentence_may_name_a_part_of_a_command(command: str) -> None:
    """In the middle of a sentence a value may be missing or a word in capitals, in a block never."""
    assert not wrong(Typed("page.md", 1, command, quoted=True))


def test_the_python_of_the_documents_has_no_type_error(tmp_path: Path) -> None:
    """Every block of Python compiles, and mypy finds nothing in it under this project's own strict settings."""
    programs = [block for page in DOCUMENTS for block in blocks(page) if block.language == "python"]
    assert programs
    for block in programs:
        compile(block.text, f"{block.page}:{block.line}", "exec")
        name = block.page.replace("/", "_").removesuffix(".md").lower()
        (tmp_path / f"{name}_{block.line}.py").write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(tmp_path)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert found.returncode == 0, found.stdout
