"""The project in containers, as somebody who types our commands has it, and what the engine knows of its containers."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from stack import Ports
from stack.ports import SETTINGS, is_free
from tests_support.checkout import ROOT
from tests_support.compose.engine import Engine
from tests_support.waiting import eventually

STAYING: Final = ("kafka", "registry", "producer", "consumer")
COMMAND_S: Final = 900.0
HEALTHY_S: Final = 240.0
_BASES: Final = range(21_000, 30_000, 50)


def free_base() -> int:
    """Return a port whose followers, as many as the stack and Grafana need, are free too."""
    for base in _BASES:
        if all(is_free(port) for port in range(base, base + len(SETTINGS) + 1)):
            return base
    raise AssertionError("no row of free ports")


def _moment(text: str) -> datetime:
    """Return a time as Docker writes it, to the microsecond."""
    return datetime.fromisoformat(re.sub(r"\.(\d{6})\d*", r".\1", text))


@dataclass(frozen=True)
class Project:
    """The checkout's docker-compose.yml on an engine, at ports of its own by TALLY_PORT_BASE."""

    engine: Engine
    base: int = field(default_factory=free_base)

    @property
    def ports(self) -> Ports:
        """Return the ports at the base."""
        return Ports.at_base(self.base)

    @property
    def rest_url(self) -> str:
        """Return the consumer's address."""
        return f"http://127.0.0.1:{self.ports.rest}"

    @property
    def ledgers(self) -> Path:
        """Return where the consumer's volume lies on this machine."""
        return self.engine.volume("tally_consumer-data")

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of somebody who set TALLY_PORT_BASE and wants the core alone."""
        own = {"TALLY_PORT_BASE": str(self.base), "COMPOSE_PROFILES": "", "PYTHONPATH": str(ROOT)}
        return {**self.engine.environment(), **own, **more}

    def stack(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run our own command, `just WORDS`, and return what it said, both streams in one."""
        return self._run([sys.executable, "-m", "stack", *words], self.environment(**more))

    def tally(self, *words: object, code: int = 0) -> str:
        """Run the client as `just run tally WORDS` does, require its exit code, and return what it said."""
        done = self._run([sys.executable, "-m", "stack", "run", "tally", *map(str, words)], self.environment())
        assert done.returncode == code, done.stdout[-4000:]
        return done.stdout

    def compose(self, *words: str, **more: str) -> str:
        """Run plain docker compose at the same ports, with any profile; raises AssertionError when it fails."""
        numbers = {SETTINGS[name]: str(port) for name, port in self.ports.by_name().items()}
        done = self._run(["docker", "compose", *words], self.environment(**numbers, **more))
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def container(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of a service's container."""
        found: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", f"tally-{service}-1"))
        return found[0]

    def pid(self, service: str) -> int:
        """Return the process of a service as this machine numbers it."""
        return int(self.container(service)["State"]["Pid"])

    def stages_s(self) -> dict[str, float]:
        """Return how long the parts of the last start took that the engine's own times tell."""
        at = {name: self.container(name)["State"] for name in (*STAYING, "contracts")}
        began, published = (min(_moment(at[name]["StartedAt"]) for name in pair) for pair in (STAYING[:2], STAYING[2:]))
        contracts = _moment(at["contracts"]["StartedAt"])
        return {
            "Kafka and the registry are healthy": (contracts - began).total_seconds(),
            "the contracts are published": (published - contracts).total_seconds(),
        }

    def cpu_s(self, service: str) -> float:
        """Return the CPU seconds that a container has used, its health checks included."""
        name = self.container(service)["Id"]
        v1, v2 = (Path("/sys/fs/cgroup") / each / name for each in ("cpuacct/docker", "docker"))
        if v1.is_dir():
            return int((v1 / "cpuacct.usage").read_text(encoding="ascii")) / 1e9
        usage = dict(line.split() for line in (v2 / "cpu.stat").read_text(encoding="ascii").splitlines())
        return int(usage["usage_usec"]) / 1e6

    def kill(self, service: str) -> None:
        """Kill a service's process; the engine starts its container again."""
        os.kill(self.pid(service), signal.SIGKILL)

    def wait_healthy(self, *services: str) -> None:
        """Wait until all of them are healthy."""
        for service in services or STAYING:
            eventually(partial(self._is_healthy, service), HEALTHY_S, f"{service} is healthy", interval_s=0.2)

    def _is_healthy(self, service: str) -> bool:
        return bool(self.container(service)["State"]["Health"]["Status"] == "healthy")

    @staticmethod
    def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=COMMAND_S, check=False,
        )  # fmt: skip
