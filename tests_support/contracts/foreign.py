"""Contracts that nobody here wrote, read as files from the cache: packages by requirements/foreign.txt, and sources."""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from stack.errors import StackError
from stack.fetch import pinned_wheel
from stack.fetch.downloads import NetworkError, made_once
from tally.base.cache_folder import cache_folder

_PINS: Final = Path(__file__).parents[2] / "requirements" / "foreign.txt"
_RUNTIME_PINS: Final = _PINS.with_name("runtime.txt")
_MEGABYTES: Final = 7
_DOWNLOAD_S: Final = 120


def packages() -> Path:
    """Return the folder that holds the packages' files; skips the test, with the reason, where they cannot be had."""
    folder, reason = _packages()
    if folder is None:
        pytest.skip(f"the foreign contracts cannot be downloaded: {reason}")
    return folder


@cache
def _packages() -> tuple[Path | None, str]:
    try:
        return pinned_wheel.ensure("Foreign-contracts", _PINS, _MEGABYTES, cache_folder(), print), ""
    except (NetworkError, StackError) as error:
        return None, str(error)


def source_of(package: str) -> Path:
    """Return the folder with a package's source archive, which has its tests; skips the test, with the reason."""
    folder, reason = _source_of(package)
    if folder is None:
        pytest.skip(f"the source of {package} cannot be downloaded: {reason}")
    return folder


@cache
def _source_of(package: str) -> tuple[Path | None, str]:
    pin = re.search(rf"^{package}==.*(?:\n    --hash=.*)+", _RUNTIME_PINS.read_text(encoding="utf-8"), re.MULTILINE)
    assert pin is not None, f"{package} is not in {_RUNTIME_PINS}"
    folder = cache_folder() / f"source-{package}-{hashlib.sha256(pin[0].encode()).hexdigest()[:16]}"
    try:
        return made_once(cache_folder(), folder, lambda: _unpack(package, pin[0], folder)), ""
    except (NetworkError, StackError) as error:
        return None, str(error)


def _unpack(package: str, pin: str, folder: Path) -> None:
    """Let uv fetch and unpack the archive in an environment that cannot build it: building takes minutes."""
    uv = shutil.which("uv")
    if uv is None:
        raise NetworkError("there is no uv to ask PyPI: run this with ./justw")
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        work = Path(made)
        (work / "pin.txt").write_text(pin + "\n", encoding="utf-8")
        empty = str(work / "empty")
        install = [
            uv,
            "pip",
            "install",
            "--no-deps",
            "--no-binary",
            package,
            "--no-build-isolation",
            "--require-hashes",
        ]
        where = ["--python", empty, "--cache-dir", str(work / "cache"), "--requirement", str(work / "pin.txt")]
        try:
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, empty], check=True, timeout=_DOWNLOAD_S)
            done = subprocess.run([*install, *where], capture_output=True, text=True, timeout=_DOWNLOAD_S, check=False)
        except subprocess.SubprocessError as error:
            raise NetworkError(str(error)) from None
        found = next((work / "cache").rglob("PKG-INFO"), None)
        if found is None:
            raise NetworkError(done.stderr.strip()[-600:])
        found.parent.rename(folder)
