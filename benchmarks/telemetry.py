"""What telemetry costs: the same load on services that send nothing, and on some that send to several backends.

The sides differ in what is sent and traced. Counting and timing itself is never off; a note tells what it takes. A
backend that fails is compared with one that takes the same, since sending itself is not what it costs. A few per cent
of throughput are noise even on a quiet machine; CPU time per call or record is less noisy and stands beside.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from prometheus_client.parser import text_string_to_metric_families

from benchmarks import backlog, calls
from benchmarks.machine import cpu_seconds
from benchmarks.results import Comparison, Sample, Target, in_turns, medians_of_details
from benchmarks.system import child, get_text, pid_of, until
from observability.instruments import Histogram
from stack import Components, Ports, Stack
from stack.ports import HOST, is_free

Backend = Literal["takes", "down", "hangs"]

DEFAULT_RATIO: Final = 0.05
_OFF: Final = "off"
_DEFAULT: Final = "traces 5%"
UNARY: Final[Mapping[str, tuple[Backend, float, str]]] = {
    "traces 0%": ("takes", 0.0, _OFF),
    _DEFAULT: ("takes", DEFAULT_RATIO, _OFF),
    "traces 100%": ("takes", 1.0, _OFF),
    "backend down": ("down", DEFAULT_RATIO, _DEFAULT),
    "backend hangs": ("hangs", DEFAULT_RATIO, _DEFAULT),
}
"""The sides by name: what the backend does, the share of calls that is traced, and the side to compare with."""
_ON: Final = "on"
CONSUMER: Final[Mapping[str, tuple[Backend, str]]] = {
    _ON: ("takes", _OFF),
    "backend down": ("down", _ON),
    "backend hangs": ("hangs", _ON),
}
CATCH_UP: Final[Mapping[str, tuple[float, Sequence[str]]]] = {
    "telemetry-consumer": (0.005, [*CONSUMER]),
    "telemetry-replay": (0.05, [_ON]),
}
"""By bench: the share of records that are traced, and the sides. A twentieth of all AddBatch calls of 1,000, each with
its at most 100 traced additions; and a twentieth of all records, a topic that unary calls filled, read again."""
_WHAT: Final[Mapping[Backend, str]] = {"takes": "takes them", "down": "is down", "hangs": "hangs"}
_RECORDS: Final = 100_000
_QUIET_CPU: Final = 0.2
"""Share of a core that a process with nothing to do stays below; heartbeats and timers take some per cent."""
_QUIET_S: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class TelemetrySize:
    """How much is measured."""

    unary_rounds: int
    unary_calls: int
    consumer_rounds: int
    records: int
    warm_up: bool


FULL = TelemetrySize(unary_rounds=8, unary_calls=1_000, consumer_rounds=3, records=1_000_000, warm_up=True)
# As `backlog.QUICK`.
QUICK = TelemetrySize(unary_rounds=1, unary_calls=100, consumer_rounds=1, records=200_000, warm_up=False)


def unary(stack: Stack, size: TelemetrySize) -> list[Comparison]:
    """Unary Add on producers with telemetry beside one without, all of them on one Kafka, in turns."""
    with ExitStack() as opened:
        addresses = opened.enter_context(_backends())
        views = {_OFF: opened.enter_context(_producer(stack, _OFF, {}))}
        for name, (backend, ratio, _) in UNARY.items():
            views[name] = opened.enter_context(_producer(stack, name, _sending(addresses[backend], ratio)))
        samples = in_turns(
            {name: partial(_load, view, size) for name, view in views.items()}, size.unary_rounds, warm_up=size.warm_up
        )
    note = f"Recording one value in a histogram, which is never off, takes {_record_us():.2f} us."
    return [
        Comparison(
            name=f"telemetry, {name}",
            unit="calls/s",
            subject=f"Add, {calls.CONCURRENCY} concurrent; metrics, logs and {ratio:.0%} of all traces are for a "
            f"backend on this machine that {_WHAT[backend]}",
            limit=_limit(other, "producer"),
            target=Target(ratio=0.9 if other == _OFF else 0.98),
            subject_samples=samples[name],
            limit_samples=samples[other],
            notes=(_cpu_note(samples[name], samples[other], "server_cpu_us"), note),
        )
        for name, (backend, ratio, other) in UNARY.items()
    ]


def consumer(stack: Stack, size: TelemetrySize, bench: str) -> list[Comparison]:
    """Count a full topic, of which a share of the records is traced, with telemetry beside without."""
    traced_share, sides = CATCH_UP[bench]
    backlog.fill(stack, size.records, traced_share)
    with _backends() as addresses:
        views = {_OFF: _view(stack, "consumer-off", {})}
        for name in sides:
            backend, _ = CONSUMER[name]
            views[name] = _view(stack, f"consumer-{backend}", _sending(addresses[backend], DEFAULT_RATIO))
        samples = in_turns(
            {name: partial(_count, view, size) for name, view in views.items()},
            size.consumer_rounds,
            warm_up=size.warm_up,
        )
    return [
        Comparison(
            name=f"telemetry, consumer, {name}, {traced_share:.1%} traced",
            unit="records/s",
            subject=f"a consumer with no ledger counts a full topic, {traced_share:.1%} of whose records have a "
            f"sampled traceparent; all signals are for a backend that {_WHAT[backend]}",
            limit=_limit(other, "consumer"),
            target=Target(ratio=0.95 if other == _OFF else 0.98),
            subject_samples=samples[name],
            limit_samples=samples[other],
            notes=(_cpu_note(samples[name], samples[other], "cpu_s_a_million"),),
        )
        for name in sides
        for backend, other in [CONSUMER[name]]
    ]


def _limit(other: str, service: str) -> str:
    return f"the same by a {service} {'that sends nothing' if other == _OFF else 'whose backend takes them'}"


def _cpu_note(subject: Sequence[Sample], limit: Sequence[Sample], detail: str) -> str:
    ratio = medians_of_details(subject)[detail] / medians_of_details(limit)[detail]
    return f"The process took {ratio:.0%} of the other one's CPU for the same."


def _load(stack: Stack, size: TelemetrySize) -> Sample:
    pid = pid_of(stack, "producer")
    options = ("--concurrency", calls.CONCURRENCY, "--channels", calls.CHANNELS, "--warm-up", size.unary_calls // 4)
    before = cpu_seconds(pid)
    seen = child("client_load", "unary", stack.grpc_target, "--count", size.unary_calls, *options)
    # What waits to be sent is sent before the next side begins, and counts here.
    until(lambda: _is_quiet(pid), 30.0, "the producer has nothing to do")
    server_us = 1e6 * (cpu_seconds(pid) - before) / (size.unary_calls + size.unary_calls // 4)
    details = {"p99_ms": seen["p99_ms"], "server_cpu_us": server_us, "dropped": _dropped(stack.metrics_url)}
    return Sample(value=seen["per_s"], details=details)


def _is_quiet(pid: int) -> bool:
    before = cpu_seconds(pid)
    time.sleep(_QUIET_S)
    return cpu_seconds(pid) - before < _QUIET_CPU * _QUIET_S


def _count(stack: Stack, size: TelemetrySize) -> Sample:
    # Exporters are imported while the consumer is at work already, once: no part of what sending costs.
    return backlog.count_from_nothing(stack, size.records, size.records // 4)


def _dropped(url: str) -> float:
    """Return how many items a service could not send since it started."""
    families = text_string_to_metric_families(get_text(url))
    wanted = [family for family in families if family.name == "app_telemetry_dropped"]
    return sum(sample.value for family in wanted for sample in family.samples)


def _sending(backend: str, ratio: float) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": backend, "TALLY_TRACE_RATIO": str(ratio)}


def _view(stack: Stack, name: str, environment: Mapping[str, str]) -> Stack:
    """Return a stack with services of its own on another one's Kafka and registry."""
    free = Ports.free()
    ports = stack.ports.moved({"grpc": free.grpc, "rest": free.rest, "metrics": free.metrics})
    word = name.replace(" ", "-").replace("%", "")
    variables = {"TALLY_LOG_LEVEL": "WARNING", "TALLY_PRODUCER_REPLICA": word, **environment}
    components = Components(kafka_jit="full")
    return Stack(stack.data_dir / word, ports, variables, components=components, die_with_caller=True)


@contextmanager
def _producer(stack: Stack, name: str, environment: Mapping[str, str]) -> Iterator[Stack]:
    """Yield such a stack with its producer ready."""
    with _view(stack, name, environment) as view:
        view.up(("producer",))
        yield view


@contextmanager
def _backends() -> Iterator[dict[Backend, str]]:
    """Yield the address of each kind of backend; nothing listens on that of the one that is down."""
    free = Ports.free()
    ports: dict[Backend, int] = {"takes": free.rest, "hangs": free.grpc, "down": free.metrics}
    kinds: tuple[Backend, ...] = ("takes", "hangs")
    running = [
        subprocess.Popen([sys.executable, "-m", "benchmarks.otlp_sink", kind, str(ports[kind])]) for kind in kinds
    ]
    try:
        until(lambda: not any(is_free(ports[kind]) for kind in kinds), 30.0, "the backends listen")
        yield {kind: f"http://{HOST}:{port}" for kind, port in ports.items()}
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(10)


def _record_us() -> float:
    histogram = Histogram(range(14))
    began_s = time.process_time()
    for _ in range(_RECORDS):
        histogram.record(3.5, ("tally.v1.TallyService/Add", "OK", None))
    return 1e6 * (time.process_time() - began_s) / _RECORDS
