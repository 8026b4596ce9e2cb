"""Which paths a data folder may have: those that each part takes for one and the same folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack.errors import StackError

_MISREAD: Final[Mapping[str, str]] = {
    ",": "Kafka takes it for two folders",
    ";": "the registry's database takes what follows for an option",
    "\\": "the registry's database takes it for a slash",
    "${": "the registry takes what follows for a variable",
}
_BELOW_BYTES: Final = 256
"""For the longest path that a part makes in it."""


def text_of(path: Path) -> str:
    """Return a path as Java reads it, which is UTF-8 whatever this process takes for its own encoding.

    Raises UnicodeDecodeError.
    """
    return os.fsencode(path).decode("utf-8")


def require_usable(data_dir: Path) -> None:
    """Raise StackError for a data folder that a part would look for elsewhere, or not at all."""
    objection = _objection(data_dir)
    if objection is not None:
        raise StackError(f"TALLY_DATA_DIR is {str(data_dir)!r}: {objection}; choose another folder")


def _objection(data_dir: Path) -> str | None:
    try:
        text = text_of(data_dir)
    except UnicodeDecodeError:
        return "it is not UTF-8, and Java cannot name it"
    for misread, how in _MISREAD.items():
        if misread in text:
            return f"it has {misread!r} in it, and {how}"
    if not text.isprintable():
        return "it has a character in it that cannot be printed"
    bytes_max = os.pathconf("/", "PC_PATH_MAX") - _BELOW_BYTES
    length = len(text.encode("utf-8"))
    return f"it has {length} bytes, and {bytes_max} are possible" if length > bytes_max else None
