"""The programs uv and just, pinned by hash, in the cache."""

import platform
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from .checkout import REQUIREMENTS, SetupError, digest, exclusive, require_room, say
from .installer import run

_TOOLS_FREE_MB = 200
_TOOLS_SIZE = "20 MB"


def tools_folder(cache: Path) -> Path:
    """Return where uv and just are, or will be."""
    pins = (REQUIREMENTS / "tools.txt").read_bytes()
    return cache / f"tools-{digest(pins, platform.system().encode(), platform.machine().encode())}"


def ensure_tools(cache: Path) -> Path:
    """Return the folder with the programs uv and just, installing them when it is not there."""
    folder = tools_folder(cache)
    if not folder.is_dir():
        with exclusive(cache / "locks" / folder.name):
            if not folder.is_dir():
                install_tools(cache, folder)
    return folder


def install_tools(cache: Path, folder: Path) -> None:
    """Install the pinned tools with the pip of a throw-away environment; only their programs are kept."""
    _require_venv()
    require_room(cache, _TOOLS_FREE_MB, "free some, or let TALLY_CACHE_DIR name a folder on another disk")
    say(f"first use: installing uv and just from PyPI ({_TOOLS_SIZE}) into {folder}")
    work = Path(tempfile.mkdtemp(prefix="tools-part-", dir=cache))
    try:
        run([sys.executable, "-I", "-m", "venv", str(work / "venv")], "tools.txt")
        pip = [str(work / "venv" / "bin" / "python"), "-I", "-m", "pip", "--disable-pip-version-check", "install"]
        quick = ["--no-input", "--retries", "2", "--timeout", "20", "--progress-bar", "off", "--only-binary", ":all:"]
        pinned = ["--require-hashes", "--no-deps", "--requirement", str(REQUIREMENTS / "tools.txt")]
        run([*pip, *quick, *pinned, "--target", str(work / "packages")], "tools.txt")
        (work / "done").mkdir()
        for program in ("uv", "just"):
            shutil.move(work / "packages" / "bin" / program, work / "done" / program)
        (work / "done").rename(folder)
    except OSError as error:
        raise SetupError(f"uv and just could not be kept in {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _require_venv() -> None:
    """Raise SetupError when this Python was installed without venv or ensurepip, as some distributions do."""
    if find_spec("ensurepip") is None or find_spec("venv") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"{sys.executable} lacks venv or ensurepip: install them "
            f"(Debian and Ubuntu: apt install python{version}-venv), then run the same command again"
        )
