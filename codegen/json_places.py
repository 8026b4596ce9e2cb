"""JSON read strictly, and where in the text each value stands: for messages that name a line beside a JSON path."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from codegen.errors import ContractError

_PIECE = re.compile(r'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')
_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|//[^\n]*', re.DOTALL)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONSTANTS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_DIGITS_MAX: Final = 400
"""More than the largest double has; Python itself takes 4,300."""

NESTING_MAX: Final = 256
"""Of objects and lists; Python's own reader fails at about 1,000, in a way that names no place."""


def read(file: str, text: str) -> tuple[Any, Mapping[str, int]]:
    """Return a JSON text's value, and the line of each value in it by path. ``file`` is for messages.

    Raises ContractError with line and path also for what Python's reader lets pass: a key that is there twice, NaN and
    numbers that no double holds, characters that cannot be written, and objects nested too deeply.
    """
    _require_shallow(file, text)
    try:
        tree = json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise ContractError(file, "", f"not JSON: {error.msg}", rule="json", line=error.lineno) from error
    lines: dict[str, int] = {}
    for value in _values(text):
        if value.problem:
            raise ContractError(file, value.path, value.problem, rule="json", line=value.line)
        lines[value.path] = value.line
    return tree, lines


def plain(text: str) -> str:
    """Return a text without a byte order mark and comments, which Java's Avro allows; lines stay where they are."""
    return _COMMENT.sub(_blank, text.removeprefix("\ufeff"))


def _blank(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else " " + "\n" * match[0].count("\n")


def line_at(lines: Mapping[str, int], path: str) -> int:
    """Return the line of a path, or of the nearest thing around it; 0 when nothing is known."""
    while path not in lines and path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path, 0)


@dataclass(frozen=True)
class _Value:
    path: str
    line: int
    problem: str


@dataclass
class _Open:
    """An object or list that is being read: its path, and the key or index that the next value has."""

    path: str
    index: int | None
    key: str | None = None
    keys: set[str] = field(default_factory=set)

    def place(self) -> str:
        return f"{self.path}[{self.index}]" if self.index is not None else f"{self.path}.{self.key}"


def _values(text: str) -> Iterator[_Value]:
    """Yield the values of a valid JSON text: ``$`` is on line 1, ``$.fields[0].name`` further down."""
    opened: list[_Open] = []
    line, counted = 1, 0
    for match in _PIECE.finditer(text):
        piece = match[0]
        line += text.count("\n", counted, match.start())
        counted = match.start()
        inner = opened[-1] if opened else None
        if piece in {"}", "]"}:
            opened.pop()
        elif piece == "," and inner is not None:
            inner.index, inner.key = (inner.index + 1 if inner.index is not None else None), None
        elif inner is not None and inner.index is None and inner.key is None:
            inner.key = str(json.loads(piece))
            problem = "the key is there twice in one object" if inner.key in inner.keys else _problem(piece)
            if problem:
                path = inner.path if _SURROGATE.search(inner.key) else inner.place()
                yield _Value(path, line, problem)
            inner.keys.add(inner.key)
        elif piece != ":":
            path = inner.place() if inner is not None else "$"
            yield _Value(path, line, _problem(piece))
            if piece in {"{", "["}:
                opened.append(_Open(path, 0 if piece == "[" else None))


def _problem(piece: str) -> str:
    """Return what is wrong with a text, number or word although Python reads it; nothing for a right one."""
    if piece.startswith('"'):
        half = _SURROGATE.search(json.loads(piece))
        return f"\\u{ord(half[0]):04x} is half of a character: its other half is missing" if half else ""
    if piece in _CONSTANTS:
        return f"{piece} is not JSON; a number is written in digits"
    if piece[0] in "-0123456789":
        if len(piece) > _DIGITS_MAX:
            return f"the number has {len(piece)} characters; allowed are {_DIGITS_MAX}"
        if "inf" in repr(float(piece)):
            return f"{piece} is larger than any double"
    return ""


def _require_shallow(file: str, text: str) -> None:
    depth = 0
    for match in _PIECE.finditer(text):
        if match[0] in "{[":
            depth += 1
        elif match[0] in "}]":
            depth -= 1
        if depth > NESTING_MAX:
            line = text.count("\n", 0, match.start()) + 1
            problem = f"objects and lists are nested deeper than {NESTING_MAX} levels"
            raise ContractError(file, "", problem, rule="json", line=line)


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= _DIGITS_MAX else 0  # refused later, with its place
