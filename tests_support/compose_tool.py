"""docker-compose without Docker: built once from the Go module that stack/compose_check pins, to check the YAML file.

It needs Go, of this machine or from PyPI (``requirements/go.txt``), and the network the first time; about two minutes.
The program is kept in the cache, named by what it is made of.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from stack.downloads import default_folder, exclusive

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "stack" / "compose_check"
PACKAGE = "github.com/docker/compose/v2/cmd"
FLAGS = ("-trimpath", "-ldflags", "-s -w")
BUILD_DEADLINE_S = 900


class CannotBuildError(Exception):
    """The program cannot be had on this machine; the message says why."""


def docker_compose() -> Path:
    """Return the program, building it when the cache does not have it. Raises CannotBuildError."""
    cache = default_folder()
    parts = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "tools.go")]
    key = hashlib.sha256(b"\0".join([*parts, " ".join(FLAGS).encode()])).hexdigest()[:32]
    program = cache / "go" / f"docker-compose-{key}"
    if not program.exists():
        with exclusive(cache / "locks" / program.name):
            if not program.exists():
                _build(cache, program)
    return program


def _build(cache: Path, program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    partial = program.with_suffix(".part")
    command = [str(_go(cache)), "build", *FLAGS, "-o", str(partial), PACKAGE]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    try:
        done = subprocess.run(
            command, cwd=MODULE, env=environment, capture_output=True, text=True, timeout=BUILD_DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotBuildError(f"the build took more than {BUILD_DEADLINE_S} s") from None
    if done.returncode != 0:
        raise CannotBuildError(f"the build failed: {done.stderr.strip()[-300:]}")
    partial.replace(program)


def _go(cache: Path) -> Path:
    """Return a Go that is new enough: this machine's, else the pinned one of PyPI."""
    own = shutil.which("go")
    if own is not None and _version(own) >= (1, 24, 9):  # what go.mod asks for
        return Path(own)
    pins = ROOT / "requirements" / "go.txt"
    folder = cache / f"go-{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}"
    uv = shutil.which("uv")
    if not folder.exists():
        if uv is None:
            raise CannotBuildError("there is no Go on this machine, and no uv to bring one (run the tests by ./justw)")
        partial = folder.with_suffix(".part")
        install = [uv, "pip", "install", "--target", str(partial), "--require-hashes", "--requirement", str(pins)]
        if subprocess.run(install, capture_output=True, check=False).returncode != 0:
            raise CannotBuildError("there is no Go on this machine, and PyPI could not be reached to bring one")
        partial.rename(folder)
    found = sorted(path for path in folder.rglob("bin/go") if _version(str(path)) > (0,))
    if not found:
        raise CannotBuildError("the Go of PyPI does not run on this machine")
    return found[0]


def _version(go: str) -> tuple[int, ...]:
    try:
        text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=True).stdout
        return tuple(int(part) for part in text.strip().removeprefix("go").split("."))
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0,)
