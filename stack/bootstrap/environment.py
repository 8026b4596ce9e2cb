"""The project's environment: ``.venv`` in the checkout, as the pins and pyproject.toml say."""

import platform
import subprocess
import sys
from pathlib import Path

from .checkout import REQUIREMENTS, ROOT, VERSION_MIN, digest, exclusive, require_room, say
from .installer import run
from .uv import uv_variables

_ENVIRONMENT = ROOT / ".venv"
_STAMP = _ENVIRONMENT / "tally-stamp"
_ENVIRONMENT_FREE_MB = 1_500  # the environment takes 860 MB, a download and its unpacked form are there at once
_ENVIRONMENT_SIZE = "about 270 MB"


def ensure_environment(cache: Path, tools: Path) -> None:
    """Make or renew ``.venv`` when it is not what the checkout says."""
    if _is_ready():
        return
    with exclusive(cache / "locks" / f"environment-{digest(str(ROOT).encode())}"):
        if not _is_ready():
            _install_environment(cache, tools)


def _is_ready() -> bool:
    """Tell whether the environment is whole and made from what the checkout says now."""
    try:
        return _STAMP.read_text(encoding="utf-8") == wanted_stamp() and (_ENVIRONMENT / "bin" / "python").exists()
    except FileNotFoundError:
        return False


def wanted_stamp() -> str:
    """Return the digest of all that the environment is made from; where it lies counts, for scripts name their path."""
    made_from = [(REQUIREMENTS / "dev.txt").read_bytes(), (ROOT / "pyproject.toml").read_bytes()]
    return digest(*made_from, str(ROOT).encode(), platform.machine().encode())


def _install_environment(cache: Path, tools: Path) -> None:
    """Install the pinned packages and the project itself; the stamp comes last."""
    require_room(ROOT, _ENVIRONMENT_FREE_MB, "free some")
    require_room(cache, _ENVIRONMENT_FREE_MB, "free some, or let TALLY_CACHE_DIR name a folder on another disk")
    say(f"installing the project's environment from PyPI ({_ENVIRONMENT_SIZE} the first time) into {_ENVIRONMENT}")
    _STAMP.unlink(missing_ok=True)
    uv = [str(tools / "uv"), "--no-progress"]
    variables = uv_variables(cache)
    if not _python_works(_ENVIRONMENT / "bin" / "python"):
        run([*uv, "venv", "--clear", "--quiet", "--python", sys.executable, str(_ENVIRONMENT)], "dev.txt", variables)
    install = [*uv, "pip", "install", "--python", str(_ENVIRONMENT / "bin" / "python")]
    pinned = ["--require-hashes", "--no-deps", "--requirement", str(REQUIREMENTS / "dev.txt")]
    run([*install, *pinned], "dev.txt", variables)
    # "compat" puts the checkout itself on the path, so that packages that come later are found without installing anew.
    itself = [
        "--no-deps",
        "--no-build-isolation",
        "--offline",
        "--config-setting",
        "editable_mode=compat",
        "--editable",
        str(ROOT),
    ]
    run([*install, *itself], "dev.txt", variables)
    _STAMP.write_text(wanted_stamp(), encoding="utf-8")
    say("the environment is ready")


def _python_works(python: Path) -> bool:
    """Tell whether an environment's Python can be kept: it runs and is new enough."""
    check = f"import sys; sys.exit(sys.version_info[:2] < {VERSION_MIN})"
    try:
        return subprocess.run([str(python), "-I", "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
