"""The engines of `just observe` beside a stack: built once, started, waited for, stopped.

Theory of operation. An engine's process is marked as a part's is (see ``stack.processes``), in the same folder, so
`status` and `down` find it. Services are told of the engines when they start: a stack that runs already has its
producer and consumer started again, which loses and doubles nothing.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx

from stack import processes, whereabouts
from stack.errors import StackError
from stack.fetch import go_programs
from stack.fetch.go_programs import GoProgram
from stack.logfiles import tail
from stack.parts import services
from stack.parts.engines import ENGINES, EngineName, Place, endpoints
from stack.ports import HOST, Ports, require_free
from stack.processes import Mark
from tally.base.written_file import write_file
from tally.service.private import private_folder

_POLL_S: Final = 0.05
_READY_DEADLINE_S: Final = 60.0
_STOP_DEADLINE_S: Final = 15.0
_PROBE_DEADLINE_S: Final = 2.0
_SOON_S: Final = 60
"""An engine whose build takes longer on two free cores must not keep the others waiting."""


class Engines:
    """The engines of one data directory; like ``Stack`` only a view of what is on the disk."""

    def __init__(self, data_dir: Path, ports: Ports, cache: Path, say: Callable[[str], None]) -> None:
        self._data_dir = data_dir
        self._cache = cache
        self._say = say
        self._place = Place(data=data_dir / "observe", run=data_dir / "run", ports=ports)

    def running(self) -> list[EngineName]:
        """Return the engines that run."""
        return [name for name in ENGINES if (mark := self.mark(name)) is not None and processes.is_alive(mark)]

    def mark(self, name: EngineName) -> Mark | None:
        """Return the mark of an engine that runs or crashed, None when it was stopped or never started."""
        return processes.read_mark(self._mark_file(name))

    def log_path(self, name: EngineName) -> Path:
        """Return the file that an engine's output goes to."""
        return self._data_dir / "log" / f"{name}.log"

    def port(self, name: EngineName) -> int:
        """Return the port that people and probes use."""
        return self._place.ports.by_name()[ENGINES[name].port]

    def page(self, name: EngineName) -> str:
        """Return the address of an engine's page, or of its API where it has none."""
        return f"http://{HOST}:{self.port(name)}{ENGINES[name].page}"

    def endpoints(self) -> dict[str, str]:
        """Return the settings by which services send traces and logs to the engines, also to one that crashed.

        None while no engine runs.
        """
        started = [name for name in ENGINES if self.mark(name) is not None]
        return endpoints(self._place.ports, started) if self.running() else {}

    def not_ready(self, name: EngineName) -> str | None:
        """Return None when an engine answers, else what is missing."""
        try:
            answer = httpx.get(
                f"http://{HOST}:{self.port(name)}{ENGINES[name].ready_path}", timeout=_PROBE_DEADLINE_S, trust_env=False
            )
        except httpx.HTTPError as error:
            return f"nothing answers on port {self.port(name)} yet ({type(error).__name__})"
        return None if answer.status_code == httpx.codes.OK else f"it answers {answer.status_code}"

    def in_turns(self, wanted: Sequence[EngineName]) -> list[list[EngineName]]:
        """Return engines in the order in which they can be used: at once what is soon there, then each that is built
        for minutes. Raises StackError when a port is taken: nobody should wait for a build to learn that."""
        self._require_ports(self._absent(wanted))
        slow = [name for name in wanted if self._is_slow(name)]
        return [turn for turn in ([name for name in wanted if name not in slow], *([name] for name in slow)) if turn]

    def _is_slow(self, name: EngineName) -> bool:
        program = ENGINES[name].program
        return program.seconds > _SOON_S and not program.path_in(self._cache).exists()

    def _absent(self, wanted: Sequence[EngineName]) -> list[EngineName]:
        running = self.running()
        return [name for name in wanted if name not in running]

    def _require_ports(self, absent: Sequence[EngineName]) -> None:
        wanted_ports = [ENGINES[name].port for name in absent]
        require_free(self._place.ports, [*wanted_ports, *(["otlp"] if "jaeger" in absent else [])])

    def up(self, wanted: Sequence[EngineName]) -> list[EngineName]:
        """Build what is missing, start what does not run, and return when all answer. Returns those started.

        Raises StackError when one cannot be built, a port is taken, or one does not answer in time.
        """
        absent = self._absent(wanted)
        self._require_ports(absent)
        for name in absent:
            self.build(ENGINES[name].program)
        for name in absent:
            self._start(name)
        if absent:
            whereabouts.note_ports(self._data_dir, self._place.ports)
        with ThreadPoolExecutor(max(len(absent), 1)) as pool:
            list(pool.map(self._wait_ready, absent))
        return absent

    def build(self, program: GoProgram) -> None:
        """Build a program that the cache does not have. Raises StackError."""
        go_programs.ensure(program, self._cache, self._say)

    def down(self) -> list[EngineName]:
        """Stop every engine and return those that ran."""
        return [name for name in ENGINES if processes.stop(self._mark_file(name), _STOP_DEADLINE_S, self._say)]

    def _start(self, name: EngineName) -> None:
        engine = ENGINES[name]
        for folder in (self._place.run, self._place.data / name, self.log_path(name).parent):
            private_folder(folder)
        for file_name, text in engine.configuration(self._place).items():
            write_file(self._place.run / file_name, text, private=True, durable=False)
        command: Sequence[str] = [str(engine.program.path_in(self._cache)), *engine.arguments(self._place)]
        mark = processes.start(
            command,
            services.foreign_environment(),
            self._place.data,
            self.log_path(name),
            self._mark_file(name),
        )
        self._say(f"{name} started (process {mark.pid})")

    def _wait_ready(self, name: EngineName) -> None:
        until_s = time.monotonic() + _READY_DEADLINE_S
        while (reason := self.not_ready(name)) is not None:
            mark = self.mark(name)
            if mark is None or not processes.is_alive(mark):
                raise StackError(self._obituary(name, "ended before it was ready"))
            if time.monotonic() > until_s:
                raise StackError(self._obituary(name, f"was not ready in time: {reason}"))
            time.sleep(_POLL_S)
        self._say(f"{name} ready")

    def _obituary(self, name: EngineName, what: str) -> str:
        log = self.log_path(name)
        return f"{name} {what}. The end of {log}:\n{tail(log)}"

    def _mark_file(self, name: EngineName) -> Path:
        return self._place.run / f"{name}.json"
