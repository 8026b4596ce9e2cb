"""The engine as the tests use it: started once a run, asked by its own client."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from stack.errors import StackError
from stack.fetch.downloads import exclusive
from tally.base.hints import hint
from tests_support.checkout import ROOT
from tests_support.compose import debian, host
from tests_support.waiting import eventually

_START_S: Final = 90.0
_COMMAND_S: Final = 900.0
_PROCESSES: Final = ("dockerd", "containerd", "docker-proxy")
_FOREIGN: Final = ("TALLY_", "OTEL_", "COMPOSE_", "DOCKER_")
_CLIENT: Final = """\
#!/bin/sh
inside='{{ cd "$0" 2>/dev/null || cd /; }} && exec /usr/bin/docker "$@"'
exec nsenter --mount=/proc/{pid}/ns/mnt /bin/sh -c "$inside" "$PWD" "$@"
"""


class TakenError(Exception):
    """Another Docker runs on this machine; the message is a reason to skip."""


@dataclass(frozen=True)
class Engine:
    """A dockerd that runs. The checkout and ``work`` have the same path for it as for the tests."""

    state: Path

    @property
    def work(self) -> Path:
        """Return the folder for what is built and mounted."""
        return self.state / "work"

    def environment(self) -> dict[str, str]:
        """Return this process's environment without settings of Tally and Docker; its ``docker`` is the engine's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return {**kept, "PATH": f"{self.state / 'bin'}{os.pathsep}{kept['PATH']}"}

    def docker(self, *words: object, timeout_s: float = _COMMAND_S) -> str:
        """Run the engine's client and return what it printed. Raises AssertionError with its message."""
        done = subprocess.run(
            ["docker", *map(str, words)], env=self.environment(), executable=str(self.state / "bin" / "docker"),
            cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"docker {' '.join(map(str, words))}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def volume(self, name: str) -> Path:
        """Return where the content of a volume lies on this machine."""
        return self.state / "lib" / "volumes" / name / "_data"


def why_not(cache: Path) -> str | None:
    """Return why no engine can be started here, None when one can."""
    if sys.platform != "linux":
        return "a Docker engine of the tests' own needs Linux"
    if os.geteuid() != 0:
        return "a Docker engine of the tests' own needs root"
    absent = [tree.name for tree in (debian.ENGINE, debian.BASE) if not tree.path_in(cache).exists()]
    if absent:
        return f"not in the cache ({', '.join(absent)}): `{hint('test-compose')}` makes what it needs"
    return None


def why_not_made(cache: Path) -> str | None:
    """Return why what is missing in the cache cannot be made, None when all is there or can be."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return why_not(cache)
    if all(tree.path_in(cache).exists() for tree in (debian.ENGINE, debian.BASE)):
        return None
    return None if shutil.which("mmdebstrap") else "mmdebstrap is not installed: apt-get install mmdebstrap"


@contextmanager
def running(cache: Path) -> Iterator[Engine]:
    """Run an engine. One at a time: it changes the machine's network.

    Raises TakenError when another Docker has its bridge here, AssertionError when something is left at the end.
    """
    with exclusive(cache / "locks" / "compose-engine"):
        (cache / "compose").mkdir(parents=True, exist_ok=True)
        if host.look(debian.ENGINE.path_in(cache)).is_taken:  # not before the lock: it may be that of another run
            raise TakenError(
                "another Docker has its bridge docker0 on this machine: the tests' own would change its rules"
            )
        before = traces(cache)
        state = Path(tempfile.mkdtemp(prefix="state-", dir=cache / "compose"))
        engine = Engine(state)
        engine.work.mkdir()
        folder = debian.ENGINE.path_in(cache)
        command = [sys.executable, "-m", "tests_support.compose.keeper", folder, state, ROOT, engine.work]
        keeper = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
        try:
            _wait(engine, keeper)
            yield engine
        finally:
            assert keeper.stdin is not None
            keeper.stdin.close()
            code = keeper.wait(_START_S * 2)
        assert code == 0, f"dockerd ended by itself: {state / 'dockerd.log'}"
        assert traces(cache) == before, "the engine left something behind"


def traces(cache: Path) -> list[str]:
    """Return what an engine leaves on a machine that nobody cleans: links, rules, mounts, groups, processes, files."""
    now = host.look(debian.ENGINE.path_in(cache))
    mounts = [
        line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if "/compose/state-" in line
    ]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob("**/docker")]
    alive = [name for each in psutil.process_iter(["name"]) if (name := str(each.info["name"])).startswith(_PROCESSES)]
    folders = [str(path) for path in (cache / "compose").glob("state-*")]
    return sorted([*now.links, *now.rules, *now.nft_tables, now.ip_forward, *mounts, *groups, *alive, *folders])


def _wait(engine: Engine, keeper: subprocess.Popen[bytes]) -> None:
    """Make the client and wait until the engine answers it. Raises StackError with the end of its log."""

    def answers() -> bool:
        if keeper.poll() is not None:
            raise StackError(f"dockerd did not start:\n{_tail(engine)}")
        try:
            pid = (engine.state / "pid").read_text(encoding="ascii")
            client = engine.state / "bin" / "docker"
            client.parent.mkdir(exist_ok=True)
            client.write_text(_CLIENT.format(pid=pid), encoding="ascii")
            client.chmod(0o755)
            return bool(engine.docker("version", timeout_s=10))
        except (OSError, AssertionError, subprocess.TimeoutExpired):
            return False

    eventually(answers, _START_S, lambda: f"dockerd answers; its log ends:\n{_tail(engine)}", interval_s=0.5)


def _tail(engine: Engine) -> str:
    log = engine.state / "dockerd.log"
    return log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
