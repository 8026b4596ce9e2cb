"""Where things are, and what every step of the set-up needs: locks, digests, room on the disk, and a voice."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
VERSION_MIN = (3, 11)


class SetupError(Exception):
    """What keeps the project from being set up, with the cure, in one line."""


def say(text: str) -> None:
    """Tell the person at the terminal; standard output belongs to the recipe."""
    print(f"justw: {text}", file=sys.stderr, flush=True)


def cache_folder() -> Path:
    """Return the cache: TALLY_CACHE_DIR, else ``tally`` below XDG_CACHE_HOME or ``~/.cache``."""
    own = os.environ.get("TALLY_CACHE_DIR")
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tally"


def digest(*parts: bytes) -> str:
    """Return a short hex digest of several byte strings."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file, waiting for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another justw that sets the project up")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_room(folder: Path, needed_mb: int, cure: str) -> None:
    """Raise SetupError when a folder's disk has too little room."""
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < needed_mb:
        raise SetupError(f"{folder} has {free_mb} MB free and {needed_mb} MB are needed: {cure}")
