"""Trees of Debian made by mmdebstrap from the mirror of this machine's apt: the engine, and the base of the stand-ins.

Theory of operation. A tree is described by a suite, its packages and shell hooks; CACHE/compose/NAME-KEY is the folder
or the tar of it, KEY a hash of the description. It appears by a rename, whole or not at all. Nothing of the machine is
upgraded or changed. The versions of the packages are the suite's: Debian's stable suites change for repairs only.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.fetch.downloads import exclusive

APT: Final = Path("/etc/apt")
MIRROR_SETTING: Final = "TALLY_DEBIAN_MIRROR"
_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MAKE_DEADLINE_S: Final = 1_200.0
_ERROR_LENGTH: Final = 800
_MERGED_USR: Final = "/usr/share/mmdebstrap/hooks/merged-usr"
_WITHOUT: Final = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")


@dataclass(frozen=True)
class Tree:
    """One tree. ``seconds`` is what making it took on two cores, to tell a person how long it will be."""

    name: str
    suite: str
    packages: tuple[str, ...]
    seconds: int
    is_tar: bool = False
    hooks: tuple[str, ...] = ()

    def path_in(self, cache: Path) -> Path:
        """Return where the tree is, or will be, in the cache."""
        made_of = repr((self.suite, self.packages, self.is_tar, self.hooks, _WITHOUT, platform.machine()))
        key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
        return cache / "compose" / f"{self.name}-{key}{'.tar' if self.is_tar else ''}"


ENGINE: Final = Tree(
    name="engine",
    suite="trixie",  # docker.io 26.1; Debian 12's is 20.10, and docker-compose.yml needs 25
    packages=(
        "docker.io", "docker-cli", "docker-buildx", "docker-compose", "iptables", "nftables", "iproute2",
        "ca-certificates", "procps", "kmod",
    ),
    seconds=30,
)  # fmt: skip

BASE: Final = Tree(
    name="python",
    suite="bookworm",  # its Python is 3.11, that of the Dockerfile
    # usr-is-merged keeps out Debian's usrmerge, which brings all of Perl: 50 MB that Python's own image does not have.
    packages=("ca-certificates", "python3", "python3-venv", "usr-is-merged"),
    seconds=40,
    is_tar=True,
    hooks=(
        'ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
        # An authority of this machine's own, where its way out has one.
        'mkdir -p "$1/usr/local/share/ca-certificates"',
        'cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true',
        'chroot "$1" update-ca-certificates >/dev/null',
        'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*',
    ),
)


def mirror(apt: Path = APT) -> str | None:
    """Return the address of the Debian mirror in use: TALLY_DEBIAN_MIRROR, else the first among apt's sources."""
    own = os.environ.get(MIRROR_SETTING)
    if own:
        return own
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in files:
        if file.is_file():
            lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
            found = re.search(r"https?://\S+/debian/?(?=\s|$)", "\n".join(lines))
            if found:
                return found[0]
    return None


def ensure(tree: Tree, cache: Path, say: Callable[[str], None]) -> Path:
    """Return the tree's path, making it when the cache does not have it. Raises StackError."""
    path = tree.path_in(cache)
    if not path.exists():
        with exclusive(cache / "locks" / path.name):
            if not path.exists():  # another process may have made it meanwhile
                _make(tree, path, say)
    return path


def _make(tree: Tree, path: Path, say: Callable[[str], None]) -> None:
    source = mirror()
    if source is None:
        raise StackError(f"no Debian mirror is among the sources of apt: let {MIRROR_SETTING} name one")
    say(f"making {path.name} from packages of Debian: once, about {tree.seconds} s")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"part-{path.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.unlink(missing_ok=True)
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(tree.packages)}", "--skip=check/empty"]
    command += ["--aptopt=APT::Install-Recommends false", *(f"--dpkgopt=path-exclude={each}" for each in _WITHOUT)]
    command += [f"--keyring={_KEYRING}"] if _KEYRING.exists() else []
    command += [f"--hook-dir={_MERGED_USR}"] if "usr-is-merged" in tree.packages else []
    command += [f"--customize-hook={hook}" for hook in tree.hooks]
    began_s = time.monotonic()
    try:
        done = subprocess.run(
            [*command, tree.suite, str(partial), f"deb {source} {tree.suite} main"],
            capture_output=True, text=True, timeout=_MAKE_DEADLINE_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"{path.name} could not be made: {error}") from error
    if done.returncode != 0:
        raise StackError(f"{path.name} could not be made: {done.stderr.strip()[-_ERROR_LENGTH:]}")
    partial.rename(path)
    say(f"{path.name} made in {time.monotonic() - began_s:.0f} s")
