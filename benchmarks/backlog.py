"""The bench of the consumer: how fast a full topic is decoded, deduplicated, fsynced and committed."""

import shutil
import time
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from benchmarks.machine import cpu_seconds
from benchmarks.results import Comparison, Sample, Target, alternate
from benchmarks.system import PARTITIONS, TOPIC, child, get_json, pid_of, schema_id, until
from stack import Stack

RECORDS_A_TRANSACTION = 10_000
GROUP = "tally-ledger"
GROUP_EMPTY_S = 40.0
CAUGHT_UP_S = 120.0
_NOT_YET = (
    KafkaError.NON_EMPTY_GROUP,
    KafkaError.NOT_COORDINATOR,  # the broker has just started
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
)
POLL_S = 0.05
"""Often enough for figures of seconds, seldom enough not to cost the consumer much."""


@dataclass(frozen=True, kw_only=True)
class BacklogSize:
    """How much is measured."""

    rounds: int
    records: int


FULL = BacklogSize(rounds=3, records=1_500_000)
QUICK = BacklogSize(rounds=1, records=200_000)  # several blocks: the first one starts the clock


def consumer(stack: Stack, size: BacklogSize, block_records: int) -> Comparison:
    """Count a full topic from nothing beside bare consume() of the same topic with the same batch size."""
    filled = fill(stack, size.records)

    def limit() -> Sample:
        seen = child(
            "bare_kafka", "consume", stack.bootstrap_servers, TOPIC, "--count", size.records,
            "--size", block_records, "--partitions", PARTITIONS,
        )  # fmt: skip
        return Sample(value=seen["per_s"], details={"elapsed_s": seen["elapsed_s"]})

    limits, subjects = alternate(limit, lambda: count_from_nothing(stack, size.records), size.rounds)
    return Comparison(
        name="consumer",
        unit="records/s",
        subject=f"a consumer with no ledger counts {size.records:,} records: decoded, checked, deduplicated, fsynced, "
        f"committed",
        limit=f"bare consume({block_records}), read_committed, check.crcs, of the same topic, touching nothing",
        target=Target(ratio=0.3),
        subject_samples=subjects,
        limit_samples=limits,
        notes=(
            f"The topic was filled at {filled['per_s']:,.0f} records/s in transactions of {RECORDS_A_TRANSACTION}.",
            "Both clocks start with the first records seen, so neither start-up nor the group's protocol counts.",
        ),
    )


def fill(stack: Stack, records: int, traced_share: float = 0.0) -> dict[str, float]:
    """Fill the topic with honest records, a share of them with a sampled traceparent; return what it took."""
    return child(
        "bare_kafka", "fill", stack.bootstrap_servers, TOPIC, "--count", records // RECORDS_A_TRANSACTION,
        "--size", RECORDS_A_TRANSACTION, "--partitions", PARTITIONS, "--schema-id", schema_id(stack),
        "--traced-share", traced_share,
    )  # fmt: skip


def count_from_nothing(stack: Stack, records: int, clock_from: int = 1) -> Sample:
    """Start a consumer without ledger and group, and return its rate to the last record, from the one at which
    ``clock_from`` are seen to be counted."""
    shutil.rmtree(stack.data_dir / "consumer", ignore_errors=True)
    _forget_group(stack)
    stack.start("consumer")
    try:
        first = until(
            lambda: count if (count := _count(stack)) >= clock_from else 0,
            CAUGHT_UP_S, "the first records are counted", 0.002,
        )  # fmt: skip
        started_s = time.perf_counter()
        pid = pid_of(stack, "consumer")
        cpu_s = cpu_seconds(pid)
        until(lambda: _count(stack) >= records, CAUGHT_UP_S, "all records are counted", POLL_S)
        elapsed_s = time.perf_counter() - started_s
        cpu_s = cpu_seconds(pid) - cpu_s
    finally:
        stack.stop("consumer")
    counted = records - first
    return Sample(
        value=counted / elapsed_s,
        details={"elapsed_s": elapsed_s, "before_clock": first, "cpu_s_a_million": 1e6 * cpu_s / max(counted, 1)},
    )


def _count(stack: Stack) -> int:
    try:
        return int(get_json(f"{stack.rest_url}/v1/total")["count"])
    except OSError:
        return 0


def _forget_group(stack: Stack) -> None:
    """Delete the group once the last member's session is over."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})

    def deleted() -> bool:
        try:
            for done in admin.delete_consumer_groups([GROUP]).values():
                done.result(10)
        except KafkaException as error:
            code = error.args[0].code()
            if code in (KafkaError.GROUP_ID_NOT_FOUND, KafkaError._STATE):
                return True
            if code in _NOT_YET:
                return False
            raise
        return True

    until(deleted, GROUP_EMPTY_S, "the consumer group is empty", 0.25)
