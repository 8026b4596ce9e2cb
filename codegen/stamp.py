"""A stamp outside the tree says: lint, generate, docs and check were done for exactly these bytes, and found nothing.

All four are functions of what the key covers: every file of the contracts' folder (what is generated as well, so an
edit by hand is seen), the folder's and the package's name, codegen's own sources, Python and the installed packages.
"""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

STAMPS_MAX: Final = 200
"""Older stamps are deleted beyond this many: they are empty files, one for each state of some folder."""

_CACHES: Final = "__pycache__"


def key(contracts: Path, package: str) -> str:
    """Return the hash of all that the answers depend on, as hex."""
    digest = hashlib.sha256()
    own = Path(__file__).parent
    for part in (sys.version, package, str(contracts), *sorted(_installed())):
        digest.update(f"{len(part)}:{part}\n".encode("utf-8", "surrogateescape"))
    for folder in (own, own.parent / "common", contracts):
        for path in _files(folder):
            content = path.read_bytes()
            name = path.relative_to(folder).as_posix()
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
    own = os.environ.get("TALLY_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME")
    cache = Path(own).expanduser() if own else (Path(base) if base else Path.home() / ".cache") / "tally"
    return cache / "codegen"


def _installed() -> Iterator[str]:
    """Yield the installed packages with their versions, as their folders are called."""
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        yield from (entry.name for entry in os.scandir(folder) if entry.name.endswith(".dist-info"))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if _CACHES not in path.parts and path.is_file())
