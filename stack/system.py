"""A stack: Kafka, the registry, the contracts, the producer and the consumer of one data directory.

Theory of operation. All state is on disk: ``run/PART.json`` marks each process (see ``stack.processes``), ``run/lock``
is held by whoever starts or stops parts, so that two commands at once take turns. A ``Stack`` object is only a view:
any number of them, in any process, may look at the same directory. A part is *stopped* (no mark), *running* or
*crashed* (a mark whose process is gone). ``up`` starts what is not running, wave by wave
(``stack.parts.names.WAVES``), and a part that dies while it is waited for ends the wait at once with its last log
lines.

With ``die_with_caller`` a guard process kills every part when the process that made the object ends, however it ends.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stack import data_folder, guard, processes, whereabouts
from stack.errors import StackError
from stack.logfiles import tail
from stack.observe import Engines
from stack.parts import broker_metrics, services
from stack.parts.components import Components
from stack.parts.kafka import data_of_a_newer_one
from stack.parts.names import ORDER, PORTS, STAYING, STOP_DEADLINE_S, WAVES, Launch, PartName
from stack.parts.probes import not_ready
from stack.parts.usable_path import require_usable
from stack.ports import HOST, Ports, require_free
from stack.processes import Mark

ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout: the packages of the services are found there."""

_POLL_S: Final = 0.05
_PUBLISH_DEADLINE_S: Final = 60.0


def _silent(_text: str) -> None:
    """Say nothing."""


class Stack:
    """One stack. ``up`` and ``down`` are its life; a ``with`` block calls ``down`` at its end."""

    def __init__(
        self,
        data_dir: Path,
        ports: Ports,
        environment: Mapping[str, str] | None = None,
        *,
        broker_properties: Mapping[str, str] | None = None,
        components: Components | None = None,
        say: Callable[[str], None] = _silent,
        die_with_caller: bool = False,
    ) -> None:
        """Describe a stack; nothing is started.

        ``environment`` holds extra variables for the parts (settings of the services, usually); settings of Tally in
        the caller's own environment do not reach them. ``broker_properties`` override those of the broker.
        """
        self.data_dir = data_dir.absolute()
        self.ports = ports
        self._extra = dict(environment or {})
        self._addresses = ports.settings(self._extra)
        self._broker_properties = dict(broker_properties or {})
        self._components = components or Components()
        self._say = say
        self._guard = guard.Guard(self.run_dir) if die_with_caller else None

    # -- what others need to know ------------------------------------------------------------------------------------

    @property
    def run_dir(self) -> Path:
        """Return the folder of the marks."""
        return self.data_dir / "run"

    @property
    def cache(self) -> Path:
        """Return the folder of what was downloaded and built."""
        return self._components.cache

    @property
    def bootstrap_servers(self) -> str:
        """Return Kafka's address, host:port; of a Kafka of somebody's own, what the setting says."""
        return self._addresses["TALLY_KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def registry_url(self) -> str:
        """Return the registry's Confluent-compatible address, of a registry of somebody's own likewise."""
        return self._addresses["TALLY_REGISTRY_URL"]

    @property
    def absent(self) -> Mapping[PartName, str]:
        """Return the parts that are not ours to start, for somebody else's are used, with their addresses."""
        ours = Stack(self.data_dir, self.ports)
        pairs: Mapping[PartName, tuple[str, str]] = {
            "kafka": (self.bootstrap_servers, ours.bootstrap_servers),
            "registry": (self.registry_url.rstrip("/"), ours.registry_url),
        }
        return {part: used for part, (used, own) in pairs.items() if used != own}

    @property
    def grpc_target(self) -> str:
        """Return the producer's address, host:port."""
        return f"{HOST}:{self.ports.grpc}"

    @property
    def rest_url(self) -> str:
        """Return the consumer's address."""
        return f"http://{HOST}:{self.ports.rest}"

    @property
    def metrics_url(self) -> str:
        """Return the address of the producer's metrics."""
        return f"http://{HOST}:{self.ports.metrics}/metrics"

    def environment(self) -> dict[str, str]:
        """Return the settings by which services and clients find this stack."""
        return {
            **self._addresses,
            "TALLY_DATA_DIR": str(self.data_dir),
        }

    def log_path(self, part: PartName) -> Path:
        """Return the file that a part's output goes to."""
        return self.data_dir / "log" / f"{part}.log"

    def mark(self, part: PartName) -> Mark | None:
        """Return the mark of a part that runs or crashed, None when it was stopped or never started."""
        return processes.read_mark(self._mark_file(part))

    def pid(self, part: PartName) -> int | None:
        """Return the process id of a running part, else None."""
        mark = self.mark(part)
        return mark.pid if mark is not None and processes.is_alive(mark) else None

    def running(self) -> list[PartName]:
        """Return the parts that run."""
        return [part for part in STAYING if self.pid(part) is not None]

    def not_ready(self, part: PartName) -> str | None:
        """Return None when a part is ready, else what it lacks."""
        if self.pid(part) is None:
            return "it does not run"
        return self._probe(part)

    # -- life --------------------------------------------------------------------------------------------------------

    def up(self, parts: Sequence[PartName] = ORDER, timeout_s: float = 120.0) -> list[PartName]:
        """Start what is not running, in order, and return when all is ready. Returns the parts that were started.

        Raises StackError when a port is taken, a part dies, or the time is over.
        """
        until_s = time.monotonic() + timeout_s
        require_usable(self.data_dir)
        with self._locked(until_s):
            absent = [part for part in STAYING if part in parts and self.pid(part) is None]
            require_free(self.ports, [port for part in absent for port in PORTS[part]])
            self._components.fetch(absent, self._say)
            whereabouts.note_ports(self.data_dir, self.ports)
            for wave in WAVES:
                wanted = [part for part in wave if part in parts]
                if "contracts" in wanted:
                    self._publish(min(_PUBLISH_DEADLINE_S, max(until_s - time.monotonic(), 1.0)))
                    continue
                for part in wanted:
                    if part in absent:
                        self._start(part)
                self._wait_all_ready(wanted, until_s, told=absent)
        return absent

    def down(self) -> list[PartName]:
        """Stop every part, in reverse order, and return those that ran. Crashed parts are forgotten."""
        with self._locked():
            stopped = [part for part in reversed(STAYING) if self._stop(part)]
        if self._guard is not None:
            self._guard.dismiss()
        return stopped

    def start(self, part: PartName) -> None:
        """Start one part without waiting until it is ready. Raises StackError if it runs or a port is taken."""
        require_usable(self.data_dir)
        with self._locked():
            if part == "contracts":
                self._publish(_PUBLISH_DEADLINE_S)
                return
            if self.pid(part) is not None:
                raise StackError(f"{part} is already running as process {self.pid(part)}")
            require_free(self.ports, PORTS[part])
            self._components.fetch([part], self._say)
            whereabouts.note_ports(self.data_dir, self.ports)
            self._start(part)

    def stop(self, part: PartName) -> None:
        """Stop one part: SIGTERM, and SIGKILL after its deadline. A part that does not run is forgotten."""
        with self._locked():
            self._stop(part)

    def restart(self, parts: Sequence[PartName], timeout_s: float = 120.0) -> None:
        """Stop parts and start them again, with the settings of now; return when all are ready."""
        for part in parts:
            self.stop(part)
        if parts:
            self.up(parts, timeout_s)

    def observe_broker(self) -> None:
        """Let the broker that runs show its metrics while engines observe it; tell when it cannot."""
        pid = self.pid("kafka")
        port = self.ports.kafka_metrics
        if pid is None or not engines_of(self).running() or broker_metrics.are_shown(port):
            return
        try:
            require_free(self.ports, ["kafka_metrics"])
            broker_metrics.show(self._components.agent(self._say), pid, port)
        except StackError as error:
            self._say(f"the broker's own metrics are not available: {error}")

    def kill(self, part: PartName) -> None:
        """Kill one part with SIGKILL and return when it is gone. Raises StackError when it does not run."""
        mark = self.mark(part)
        if mark is None or not processes.is_alive(mark):
            raise StackError(f"{part} is not running, so it cannot be killed")
        processes.kill(mark)

    def wait_ready(self, part: PartName, timeout_s: float = 60.0) -> None:
        """Return when a part is ready. Raises StackError with its last log lines when it dies or the time is over."""
        self._wait_all_ready([part], time.monotonic() + timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _start(self, name: PartName) -> None:
        launch = self._launch(name)
        launch.prepare()
        if self._guard is not None:
            self._guard.watch()
        mark = processes.start(
            launch.command, launch.environment, self.data_dir, self.log_path(name), self._mark_file(name)
        )
        self._say(f"{name} started (process {mark.pid})")

    def _stop(self, name: PartName) -> bool:
        return processes.stop(self._mark_file(name), STOP_DEADLINE_S[name], lambda text: self._say(f"{name}: {text}"))

    def _wait_all_ready(self, names: Sequence[PartName], until_s: float, told: Sequence[PartName] = ()) -> None:
        waiting = list(names)
        while waiting:
            for name in list(waiting):
                if self.pid(name) is None:
                    raise StackError(self._obituary(name, "ended before it was ready"))
                reason = self._probe(name)
                if reason is None:
                    waiting.remove(name)
                    if name == "kafka":
                        self.observe_broker()
                    if name in told:
                        self._say(f"{name} ready")
                elif time.monotonic() > until_s:
                    raise StackError(self._obituary(name, f"was not ready in time: {reason}"))
            if waiting:
                time.sleep(_POLL_S)

    def _publish(self, timeout_s: float) -> None:
        try:
            code = processes.run(
                services.publish_command(self.registry_url, self.bootstrap_servers),
                self._python_environment(),
                ROOT,  # the contracts lie there
                self.log_path("contracts"),
                timeout_s,
            )
        except subprocess.TimeoutExpired:
            raise StackError(self._obituary("contracts", f"not published within {timeout_s:.0f} s")) from None
        if code != 0:
            raise StackError(self._obituary("contracts", f"not published (exit code {code})"))
        self._say("contracts published")

    def _launch(self, name: PartName) -> Launch:
        if name == "kafka":
            kafka = self._components.kafka(self.data_dir, self.ports, self._broker_properties)
            environment = {**self._java_environment(), "CLASSPATH": kafka.class_path()}
            return Launch(kafka.command(), environment, kafka.prepare)
        if name == "registry":
            registry = self._components.registry(self.data_dir, self.ports)
            return Launch(registry.command(), self._java_environment(), registry.prepare)
        return Launch(services.command(name), self._python_environment())

    def _probe(self, name: PartName) -> str | None:
        return not_ready(name, self.ports.by_name()[PORTS[name][0]])

    def _java_environment(self) -> dict[str, str]:
        return {**services.java_environment(), **self._extra}

    def _python_environment(self) -> dict[str, str]:
        base = services.foreign_environment()
        own = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **self.environment()}
        observed = engines_of(self).endpoints()
        return {**base, **own, **observed, **self._extra}

    def _mark_file(self, name: PartName) -> Path:
        return self.run_dir / f"{name}.json"

    def _obituary(self, name: PartName, what: str) -> str:
        log = self.log_path(name)
        end = tail(log)
        known = data_of_a_newer_one(end, self.data_dir / "kafka") if name == "kafka" else None
        return known or f"{name} {what}. The end of {log}:\n{end}"

    def _locked(self, until_s: float | None = None) -> AbstractContextManager[None]:
        """Take turns with other commands on this data directory."""
        return data_folder.taken(self.data_dir, self.run_dir, until_s, self._say)


def engines_of(stack: Stack, say: Callable[[str], None] = _silent) -> Engines:
    """Return the engines that observe a stack."""
    return Engines(stack.data_dir, stack.ports, stack.cache, say)
