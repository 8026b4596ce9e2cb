"""A stamp outside the tree says that this work was done for exactly these bytes, and left nothing to do.

The work must be a function of what its key covers: every file that it reads or writes (what is generated as well, so
an edit by hand is seen), its own sources, Python and the installed packages. The clock and the network are none.
"""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tally.base.cache_folder import cache_folder

STAMPS_MAX: Final = 200
"""Older stamps are deleted beyond this many: they are empty files, one for each state of some folder."""

_CACHES: Final = "__pycache__"


def key(inputs: Sequence[Path], *parts: str) -> str:
    """Return a hash, as hex: of files, of all that is in folders, of some words, of Python and its packages."""
    digest = hashlib.sha256()
    for part in (sys.version, *parts, *sorted(_installed())):
        digest.update(f"{len(part)}:{part}\n".encode("utf-8", "surrogateescape"))
    for root in inputs:
        for path in [root] if root.is_file() else _files(root):
            content = path.read_bytes()
            name = path.relative_to(root).as_posix()
            digest.update(f"{name}:{len(content)}\n".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def is_there(name: str) -> bool:
    """Tell whether the work for this key was done before."""
    return (_folder() / name).exists()


def leave(name: str) -> None:
    """Remember that the work for this key is done. A cache that cannot be written only costs the next run its time."""
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-STAMPS_MAX]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def _folder() -> Path:
    return cache_folder() / "stamps"


def _installed() -> Iterator[str]:
    """Yield the installed packages with their versions, as their folders are called."""
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        yield from (entry.name for entry in os.scandir(folder) if entry.name.endswith(".dist-info"))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if _CACHES not in path.parts and path.is_file())
