"""Does an output look as a document shows it? The same text but for numbers, times, and names that are made anew.

``…`` stands for any text. What is named in a document, such as the id of an export, has another name in a run; it is
the same name wherever the document has it.
"""

import re
from collections.abc import Iterator
from typing import Final

_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_JOB: Final = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
_POSITION: Final = r"(?<![\w.:])\d{1,2}:\d+\b"
_TIME: Final = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
_NUMBER: Final = r"(?<![\w.-])-?\d[\d,]*(?:\.\d+)?(?![\w.]*\w)"
_NAMES: Final = {"uuid": _UUID, "job": _JOB, "position": _POSITION}
_PARTS: Final = re.compile(
    f"(?P<any>…)|(?P<time>{_TIME})|(?P<uuid>{_UUID})|(?P<job>{_JOB})|(?P<position>{_POSITION})|(?P<number>{_NUMBER})"
    "|(?P<blanks> +)"
)
_OFFSET: Final = re.compile(r',\s*"offset": "\d+"')
"""In an answer that grpcurl prints. It leaves out 0, so the ids that came before decide whether there is one."""
_OTHERS: Final = {"any": r"[^\n]*", "time": _TIME, "number": r"-?\d[\d,]*(?:\.\d+)?", "blanks": " +"}


class Names:
    """What the names that a document shows are in this run."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def keep(self, text: str) -> None:
        """Take the names of a text as they are, unless an output has shown what they are here: a user typed them."""
        for name in _names_of(text):
            self._real.setdefault(name, name)

    def put(self, text: str) -> str:
        """Return a text of the document with the names of this run."""
        return _PARTS.sub(lambda found: self._real.get(found[0], found[0]), text)

    def fits(self, shown: str, seen: str) -> bool:
        """Tell whether an output has the shape that is shown, and learn the names that are new in it."""
        shown, seen = _OFFSET.sub("", shown), _OFFSET.sub("", seen)
        new: list[str] = []
        pattern = ""
        end = 0
        for found in _PARTS.finditer(shown.strip()):
            pattern += re.escape(shown.strip()[end : found.start()]) + self._pattern(found, new)
            end = found.end()
        matched = re.fullmatch(pattern + re.escape(shown.strip()[end:]), seen.replace("\r", "").strip())
        if matched is None:
            return False
        self._real.update(zip(new, matched.groups(), strict=True))
        return True

    def _pattern(self, found: re.Match[str], new: list[str]) -> str:
        kind = found.lastgroup or ""
        if kind in _OTHERS:
            return _OTHERS[kind]
        if found[0] in self._real:
            return re.escape(self._real[found[0]])
        if found[0] in new:
            return f"\\{new.index(found[0]) + 1}"
        new.append(found[0])
        return f"({_NAMES[kind]})"


def _names_of(text: str) -> Iterator[str]:
    return (found[0] for found in _PARTS.finditer(text) if found.lastgroup in _NAMES)
