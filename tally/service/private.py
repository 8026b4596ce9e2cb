"""What Tally writes is for its user only: folders of 0700, files of 0600, also where an earlier version left more."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

UMASK: Final = 0o077
"""What is taken from the rights of all that a service or a part of the stack makes."""


def private_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing. One that is there keeps its rights. Raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    folder.mkdir(exist_ok=True)


def tighten(folder: Path) -> None:
    """Take the rights of group and others from a folder and all below it that is ours. Links are not followed.

    What goes away meanwhile, or is another user's, is left alone.
    """
    _tighten(folder)
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _tighten(Path(above, name))


def _tighten(path: Path) -> None:
    with suppress(OSError):
        found = os.lstat(path)
        if found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode) and found.st_mode & UMASK:
            path.chmod(stat.S_IMODE(found.st_mode) & ~UMASK)
