"""A service of Tally as a process of its own: started, killed, held, continued and started again by its pid."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil

from stack.parts.services import foreign_environment
from stack.ports import is_free
from stack.system import ROOT
from tests_support.waiting import eventually

_PORTS = range(15_000, 32_000)
"""Below the ports of outgoing connections; see stack.ports."""


def free_port() -> int:
    """Return a port that nobody listens on, and that no outgoing connection is given meanwhile."""
    rng = random.SystemRandom()
    return next(port for port in iter(lambda: rng.choice(_PORTS), None) if is_free(port))


class ServiceProcess:
    """One ``python -m NAME``. Its output goes to a file; `end` leaves nothing running."""

    def __init__(
        self, name: str, folder: Path, environment: Mapping[str, str], *, log_name: str, prefix: Sequence[str] = ()
    ) -> None:
        """Start it in ``folder``; ``environment`` is on top of the caller's, without its settings of Tally.

        ``prefix`` is a command that runs the rest of its line, such as ``env NAME=VALUE``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{log_name}-{uuid.uuid4().hex[:6]}.log"
        self._name = name
        self._prefix = prefix
        self._folder = folder
        self._environment = {**foreign_environment(), "PYTHONPATH": str(ROOT), **environment}
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [*self._prefix, sys.executable, "-m", self._name],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def lives(self) -> bool:
        """Tell whether the process runs, or is held."""
        return self.process.poll() is None

    def text(self) -> str:
        """Return the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, text: str, timeout_s: float = 30.0) -> None:
        """Return when the log has this text."""
        eventually(lambda: text in self.text(), timeout_s, f"{text!r} in the log of {self._name}")

    def wait_end(self, timeout_s: float = 30.0) -> int:
        """Return the exit code."""
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait(10)

    def wait_stopped(self, timeout_s: float = 30.0) -> None:
        """Return when it has stopped itself at a fault point."""
        process = psutil.Process(self.process.pid)

        def stopped() -> bool:
            assert self.lives, f"{self._name} ended instead of stopping; its log:\n{self.text()}"
            return process.status() == psutil.STATUS_STOPPED

        eventually(stopped, timeout_s, f"{self._name} has stopped", interval_s=0.01)

    def go_on(self) -> None:
        """Continue it after a stop."""
        self.process.send_signal(signal.SIGCONT)

    def restart(self, **settings: object) -> Self:
        """Start again after an end, on the same port; ``settings`` change the environment, None takes one out."""
        self.process.wait(10)
        for key, value in settings.items():
            self._environment.pop(f"TALLY_{key.upper()}", None)
            if value is not None:
                self._environment[f"TALLY_{key.upper()}"] = str(value)
        self.process = self._start()
        return self

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it with SIGSTOP for a while."""
        with held(self.process.pid):
            yield

    def end(self) -> None:
        """Kill what is left."""
        if self.lives:
            self.process.kill()
        self.process.wait(10)


@contextmanager
def held(pid: int) -> Iterator[None]:
    """Hold a process with SIGSTOP for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
