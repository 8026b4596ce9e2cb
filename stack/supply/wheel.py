"""The wheel, so that one commit gives the same bytes wherever and whenever it is built.

What would differ is taken out. The files are copied into an empty folder with one mode each, so that neither a umask
nor what an earlier build left gets in; the times in the archive are that of the commit, or SOURCE_DATE_EPOCH. The build
backend is the pinned setuptools of this environment, and nothing is downloaded. What stays is Python's zlib: another
one may pack the same content into other bytes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from stack.errors import StackError

MADE_FROM: Final = ("LICENSE", "README.md", "codegen", "pyproject.toml", "requirements", "tally")
"""The files and folders of the checkout that the wheel is made from."""

_BUILD: Final = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
_DEADLINE_S: Final = 240.0
_ERROR_LENGTH: Final = 2_000
_EARLIEST_S: Final = 315_532_800  # 1980: an archive knows no earlier time
_DIGITS_MAX: Final = 10


def moment(environment: Mapping[str, str] = os.environ) -> int | None:
    """Return the seconds since 1970 that SOURCE_DATE_EPOCH gives, None without it. Raises StackError."""
    said = environment.get("SOURCE_DATE_EPOCH")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= _DIGITS_MAX):
        raise StackError(f"SOURCE_DATE_EPOCH is {said!r}: it must be a whole number of seconds since 1970, or not set")
    return int(said)


def committed(root: Path) -> tuple[list[str], int]:
    """Return the files that the wheel is made from, and the time of the last commit in seconds since 1970.

    Raises StackError when one of them is not as it was committed, or git cannot be asked.
    """
    changed = _git(root, "status", "--porcelain", "--", *MADE_FROM).splitlines()
    if changed:
        named = ", ".join(line[3:] for line in changed)
        raise StackError(f"the wheel is built from what is committed, and this is not: {named}; commit it first")
    names = _git(root, "ls-files", "-z", "--", *MADE_FROM).split("\0")
    return [name for name in names if name], int(_git(root, "log", "-1", "--format=%ct"))


def build(root: Path, names: Iterable[str], folder: Path, made_at_s: int) -> Path:
    """Build the wheel of these files of a checkout into a folder, which is made, and return it. Raises StackError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tally-wheel-") as work:
        for name in names:
            copy = Path(work) / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, copy)
            copy.chmod(0o644)
        done = subprocess.run(
            [sys.executable, "-I", "-c", _BUILD, str(folder.absolute())],
            cwd=work,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(max(made_at_s, _EARLIEST_S))},
            umask=0o022,
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )
    if done.returncode != 0:
        raise StackError(f"the wheel could not be built: {done.stderr.strip()[-_ERROR_LENGTH:]}")
    return folder / done.stdout.splitlines()[-1]


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        raise StackError(f"git cannot be run, and it says which files are committed: {error.strerror}") from error
    if done.returncode != 0:
        raise StackError(f"{root} is no checkout that git knows: {done.stderr.strip()[-_ERROR_LENGTH:]}")
    return done.stdout
