"""Where in a JSON text each value stands: for messages that name a line beside a JSON path."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

_PIECE = re.compile(r'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')


@dataclass
class _Open:
    """An object or list that is being read: its path, and the key or index that the next value has."""

    path: str
    index: int | None
    key: str | None = None

    def place(self) -> str:
        return f"{self.path}[{self.index}]" if self.index is not None else f"{self.path}.{self.key}"


def lines_of(text: str) -> dict[str, int]:
    """Return the line of each value of a valid JSON text by its path: ``$`` is 1, ``$.fields[0].name`` further down."""
    found: dict[str, int] = {}
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
        elif piece != ":":
            path = inner.place() if inner is not None else "$"
            found[path] = line
            if piece in {"{", "["}:
                opened.append(_Open(path, 0 if piece == "[" else None))
    return found


def line_at(lines: Mapping[str, int], path: str) -> int:
    """Return the line of a path, or of the nearest thing around it; 0 when nothing is known."""
    while path not in lines and path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path, 0)
