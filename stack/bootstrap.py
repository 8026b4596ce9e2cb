"""What `./justw` runs: makes the tools and the environment when they are missing, then becomes ``just``.

Only the standard library, because nothing else is there yet; run by path with ``python -I``, never imported by the
package. Theory of operation: everything is named by what it is made of. The tools live in ``CACHE/tools-HASH`` (HASH of
requirements/tools.txt and the platform) and appear by a rename. The environment is ``.venv``; a stamp in it, written
last, holds the digest of all that it was made from, so a start that finds the right stamp does nothing and needs no
network, and one that was interrupted is simply done again. A lock file makes two starts at once take turns.
"""

import configparser
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "tally-stamp"
PREPARE_ONLY = "--prepare-only"  # what a recipe calls when `just` was typed without justw

VERSION_MIN = (3, 11)
TOOLS_FREE_MB = 200
ENVIRONMENT_FREE_MB = 1_500  # the environment takes 860 MB, a download and its unpacked form are there at once
TOOLS_SIZE = "20 MB"
ENVIRONMENT_SIZE = "about 270 MB"
OUTPUT_LINES_KEPT = 400

PROGRESS = re.compile(r"^\s*(Downloading|Downloaded|Building|Built|Resolved|Prepared|Installed|Collecting)\b")
HASH_MISMATCH = re.compile(r"(?:Hash mismatch for `?|DO NOT MATCH THE HASHES[^\n]*\n\s*)(\S+)")
OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|Failed to resolve|dns error"
    r"|error sending request|Connection refused|Could not connect|tcp connect error|Network is unreachable"
    r"|ProxyError|ConnectTimeout|operation timed out|Connection reset|Request failed after|Failed to fetch",
    re.IGNORECASE,
)


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


# -- the tools -------------------------------------------------------------------------------------------------------


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
    require_venv()
    require_room(cache, TOOLS_FREE_MB, "free some, or let TALLY_CACHE_DIR name a folder on another disk")
    say(f"first use: installing uv and just from PyPI ({TOOLS_SIZE}) into {folder}")
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


def require_venv() -> None:
    """Raise SetupError when this Python was installed without venv or ensurepip, as some distributions do."""
    if find_spec("ensurepip") is None or find_spec("venv") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"{sys.executable} lacks venv or ensurepip: install them "
            f"(Debian and Ubuntu: apt install python{version}-venv), then run the same command again"
        )


# -- the environment -------------------------------------------------------------------------------------------------


def wanted_stamp() -> str:
    """Return the digest of all that the environment is made from; where it lies counts, for scripts name their path."""
    made_from = [(REQUIREMENTS / "dev.txt").read_bytes(), (ROOT / "pyproject.toml").read_bytes()]
    return digest(*made_from, str(ROOT).encode(), platform.machine().encode())


def is_ready() -> bool:
    """Tell whether the environment is whole and made from what the checkout says now."""
    try:
        return STAMP.read_text(encoding="utf-8") == wanted_stamp() and (ENVIRONMENT / "bin" / "python").exists()
    except FileNotFoundError:
        return False


def ensure_environment(cache: Path, tools: Path) -> None:
    """Make or renew ``.venv`` when it is not what the checkout says."""
    if is_ready():
        return
    with exclusive(cache / "locks" / f"environment-{digest(str(ROOT).encode())}"):
        if not is_ready():
            install_environment(cache, tools)


def install_environment(cache: Path, tools: Path) -> None:
    """Install the pinned packages and the project itself; the stamp comes last."""
    require_room(ROOT, ENVIRONMENT_FREE_MB, "free some")
    require_room(cache, ENVIRONMENT_FREE_MB, "free some, or let TALLY_CACHE_DIR name a folder on another disk")
    say(f"installing the project's environment from PyPI ({ENVIRONMENT_SIZE} the first time) into {ENVIRONMENT}")
    STAMP.unlink(missing_ok=True)
    uv = [str(tools / "uv"), "--no-progress"]
    variables = uv_variables(cache)
    if not python_works(ENVIRONMENT / "bin" / "python"):
        run([*uv, "venv", "--clear", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], "dev.txt", variables)
    install = [*uv, "pip", "install", "--python", str(ENVIRONMENT / "bin" / "python")]
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
    STAMP.write_text(wanted_stamp(), encoding="utf-8")
    say("the environment is ready")


def python_works(python: Path) -> bool:
    """Tell whether an environment's Python can be kept: it runs and is new enough."""
    check = f"import sys; sys.exit(sys.version_info[:2] < {VERSION_MIN})"
    try:
        return subprocess.run([str(python), "-I", "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def uv_variables(cache: Path) -> dict[str, str]:
    """Return the environment for uv: no Python of its own, a cache of ours, and what pip was told of the network."""
    variables = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    variables["UV_PYTHON_DOWNLOADS"] = "never"
    variables["UV_NO_MANAGED_PYTHON"] = "1"
    variables.setdefault("UV_CACHE_DIR", str(cache / "uv"))
    variables.setdefault("UV_LINK_MODE", "hardlink" if same_disk(cache, ROOT) else "copy")
    variables.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does: companies put their own certificates there
    if not any(name in variables for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX")):
        index = os.environ.get("PIP_INDEX_URL") or pip_option("index-url")
        if index:
            variables["UV_DEFAULT_INDEX"] = index
    return variables


def same_disk(one: Path, other: Path) -> bool:
    """Tell whether files can be hard links of each other."""
    return one.stat().st_dev == other.stat().st_dev


def pip_option(name: str) -> str:
    """Return an option of pip's own configuration, which uv does not read, or an empty text."""
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = [Path("/etc/pip.conf"), Path.home() / ".pip" / "pip.conf", config_home / "pip" / "pip.conf"]
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error, OSError):
        parser.read([*files, os.environ.get("PIP_CONFIG_FILE", os.devnull)])
    return parser.get("global", name, fallback="")


# -- running and explaining ------------------------------------------------------------------------------------------


def run(command: list[str], pins: str, variables: dict[str, str] | None = None) -> None:
    """Run a command, show its progress, and turn a failure into one line with the cure."""
    lines: list[str] = []
    with subprocess.Popen(
        command, env=variables, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            lines = [*lines[-OUTPUT_LINES_KEPT:], line]
            if PROGRESS.match(line):
                say(line.strip())
    if process.returncode != 0:
        raise SetupError(explain("".join(lines), pins))


def explain(output: str, pins: str) -> str:
    """Return what a failed installer's output means and the cure, in one line where the cause is known."""
    mismatch = HASH_MISMATCH.search(output)
    if mismatch:
        return (
            f"{mismatch[1].rstrip('`')} is not the file that requirements/{pins} pins: nothing was installed. Somebody "
            f"between here and PyPI changes files, or the pins are wrong: do not go on"
        )
    if "No space left on device" in output or "os error 28" in output:
        return "the disk is full: free some room, then run the same command again"
    if OFFLINE.search(output):
        return (
            "PyPI cannot be reached: check the network (HTTPS_PROXY, or pip's index-url for a mirror), "
            "then run the same command again"
        )
    if "ensurepip" in output:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return f"this Python lacks ensurepip: install it (Debian and Ubuntu: apt install python{version}-venv)"
    return "the installer failed:\n" + "\n".join(output.strip().splitlines()[-15:])


def become_just(tools: Path, arguments: list[str]) -> NoReturn:
    """Replace this process by ``just``, with the tools on its path."""
    os.environ["PATH"] = f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["TALLY_PREPARED"] = str(ROOT)  # saves the recipes this very check
    just = str(tools / "just")
    os.execv(just, [just, "--justfile", str(ROOT / "justfile"), *arguments])  # noqa: S606 - no shell is the point


def main() -> None:
    """Set up what is missing, then become ``just`` with the arguments of this command."""
    if sys.version_info[:2] < VERSION_MIN:
        raise SetupError(f"Python 3.11 or newer is needed, and this is {platform.python_version()}: see README.md")
    arguments = sys.argv[1:]
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{cache} cannot be made ({error.strerror}): let TALLY_CACHE_DIR name another folder"
        ) from error
    tools = ensure_tools(cache)
    ensure_environment(cache, tools)
    if arguments[:1] != [PREPARE_ONLY]:
        become_just(tools, arguments)


if __name__ == "__main__":
    try:
        main()
    except SetupError as trouble:
        say(str(trouble))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
