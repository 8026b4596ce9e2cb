"""Devices for tests that write: root gets copies, so that a fault in the code cannot cost the machine its own."""

import os
import stat
from pathlib import Path
from typing import Final

import pytest

_NUMBERS: Final = {"null": (1, 3), "full": (1, 7)}


def device(folder: Path, name: str) -> Path:
    """Return a device like /dev/null or /dev/full. Skips the test where root can make or open none."""
    if os.geteuid() != 0:
        return Path("/dev", name)  # nobody but root can put a file into its place
    return made(folder, name, stat.S_IFCHR, *_NUMBERS[name])


def made(folder: Path, name: str, kind: int, major: int, minor: int) -> Path:
    """Return a device of our own; skips the test where devices cannot be made or opened."""
    path = folder / name
    try:
        os.mknod(path, kind | 0o666, os.makedev(major, minor))
        if stat.S_ISCHR(kind):
            os.close(os.open(path, os.O_WRONLY))
    except PermissionError as error:
        pytest.skip(f"no device can be made here: {error}")
    return path
