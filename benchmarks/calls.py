"""What calls of the producer cost: unary calls, batches and columns of 1,000, and one call at a time when idle."""

from dataclasses import dataclass

from benchmarks.machine import cpu_seconds
from benchmarks.results import Comparison, Sample, Target, alternate
from benchmarks.system import BARE_TOPIC, PARTITIONS, child, empty_server, pid_of
from producer.settings import LANES_DEFAULT, ProducerSettings
from stack import Stack

LANES = LANES_DEFAULT
"""Of the producer that is measured, and of the bare ones beside it: more of either would not be the same comparison."""
CONCURRENCY = 64
CHANNELS = 8
BATCH = 1000
BATCHES_IN_FLIGHT = 8


@dataclass(frozen=True, kw_only=True)
class CallsSize:
    """How much is measured."""

    rounds: int
    warm_up_rounds: int
    """Of unary calls, before anything is measured: the broker's CPU a call was seen to fall from 1.4 to 0.5 ms over the
    first 50,000 calls, while its compiler works on the code of small transactions."""
    unary_calls: int
    batches: int
    idle_calls: int


FULL = CallsSize(rounds=3, warm_up_rounds=4, unary_calls=16_000, batches=150, idle_calls=300)
QUICK = CallsSize(rounds=1, warm_up_rounds=0, unary_calls=200, batches=4, idle_calls=10)


def unary(stack: Stack, size: CallsSize) -> Comparison:
    """Unary Add, 64 concurrent calls, beside a handler that only parses and answers."""
    producer_pid = pid_of(stack, "producer")

    def load(target: str, pid: int) -> Sample:
        calls, warm_up = size.unary_calls, size.unary_calls // 4
        return _under_load(stack, "unary", target, pid, calls, warm_up, "--concurrency", CONCURRENCY)

    for _ in range(size.warm_up_rounds):
        load(stack.grpc_target, producer_pid)
    with empty_server() as (target, pid):
        limits, subjects = alternate(
            lambda: load(target, pid), lambda: load(stack.grpc_target, producer_pid), size.rounds
        )
    return Comparison(
        name="unary",
        unit="calls/s",
        subject=f"Add, {CONCURRENCY} concurrent on {CHANNELS} channels from another process, each answered after its "
        f"commit; lanes: {LANES}",
        limit="an empty grpc.aio handler on uvloop with the same messages and the same load generator",
        target=Target(ratio=0.6),
        subject_samples=subjects,
        limit_samples=limits,
        notes=("The generator is one Python process: it bounds both sides, so look at the server's CPU a call too.",),
    )


def batch(stack: Stack, size: CallsSize) -> Comparison:
    """AddBatch of 1,000 beside bare transactional producers of 1,000 a transaction."""
    return _many(stack, "batch", "AddBatch", size.rounds, size.batches, bare_records=BATCH, aim=0.3)


def columns(stack: Stack, size: CallsSize) -> Comparison:
    """AddColumns of 1,000 beside bare transactional producers of as many a transaction as a lane takes at most."""
    records = int(ProducerSettings.model_fields["producer_batch_records_max"].default)
    return _many(stack, "columns", "AddColumns", size.rounds, 4 * size.batches, bare_records=records, aim=0.85)


def _many(
    stack: Stack, mode: str, method: str, rounds: int, calls: int, *, bare_records: int, aim: float
) -> Comparison:
    producer_pid, kafka_pid = pid_of(stack, "producer"), pid_of(stack, "kafka")

    def subject() -> Sample:
        return _under_load(
            stack, mode, stack.grpc_target, producer_pid, calls, calls // 10,
            "--concurrency", BATCHES_IN_FLIGHT, "--size", BATCH, additions_a_call=BATCH,
        )  # fmt: skip

    def limit() -> Sample:
        options = ("--producers", LANES, "--size", bare_records, "--partitions", PARTITIONS)
        count = max(calls * BATCH // bare_records // LANES, 1)
        before_s = cpu_seconds(kafka_pid)
        seen = child("bare_kafka", "transactions", stack.bootstrap_servers, BARE_TOPIC, "--count", count, *options)
        return _sample(seen, broker_cpu_us=1e6 * (cpu_seconds(kafka_pid) - before_s) / seen["records"])

    limits, subjects = alternate(limit, subject, rounds)
    return Comparison(
        name=mode,
        unit="sums/s",
        subject=f"{method} of {BATCH}, {BATCHES_IN_FLIGHT} calls in flight; lanes: {LANES}",
        limit=f"bare transactional producers in threads of one process, as many as lanes: {LANES}; {bare_records} "
        f"records a transaction, key 16 and value 77 bytes and as many partitions a transaction as Tally's",
        target=Target(ratio=aim),
        subject_samples=subjects,
        limit_samples=limits,
    )


def idle(stack: Stack, size: CallsSize) -> Comparison:
    """One Add at a time beside a bare transaction of one record."""

    def subject() -> Sample:
        options = ("--concurrency", 1, "--channels", 1, "--warm-up", size.idle_calls // 10)
        return _latency(child("client_load", "unary", stack.grpc_target, "--count", size.idle_calls, *options))

    def limit() -> Sample:
        options = ("--producers", 1, "--size", 1, "--partitions", PARTITIONS)
        return _latency(
            child(
                "bare_kafka", "transactions", stack.bootstrap_servers, BARE_TOPIC, "--count", size.idle_calls, *options
            )
        )

    limits, subjects = alternate(limit, subject, size.rounds)
    return Comparison(
        name="idle",
        unit="ms p50",
        subject="Add, one call at a time on an idle system",
        limit="a bare transaction of one record: begin, produce, commit, one producer",
        target=Target(ratio=3.0, higher_is_better=False),
        subject_samples=subjects,
        limit_samples=limits,
    )


def _under_load(
    stack: Stack,
    mode: str,
    target: str,
    pid: int,
    calls: int,
    warm_up: int,
    *options: object,
    additions_a_call: int = 1,
) -> Sample:
    """Return what the load generator saw, with the CPU of the server and of the broker for each addition."""
    parts = {"server_cpu_us": pid, "broker_cpu_us": pid_of(stack, "kafka")}
    before_s = {name: cpu_seconds(part) for name, part in parts.items()}
    counts = ("--count", calls, "--warm-up", warm_up, "--channels", CHANNELS)
    seen = child("client_load", mode, target, *counts, *options)
    # The CPU is taken around the whole child, so it is divided by the warm-up calls too.
    additions = additions_a_call * (calls + warm_up)
    spent = {name: 1e6 * (cpu_seconds(part) - before_s[name]) / additions for name, part in parts.items()}
    return _sample(seen, **spent)


def _sample(seen: dict[str, float], **details: float) -> Sample:
    kept = {name: seen[name] for name in ("p50_ms", "p99_ms", "client_cpu_us") if name in seen}
    return Sample(value=seen["per_s"], details=kept | details)


def _latency(seen: dict[str, float]) -> Sample:
    return Sample(value=seen["p50_ms"], details={"p99_ms": seen["p99_ms"]})
