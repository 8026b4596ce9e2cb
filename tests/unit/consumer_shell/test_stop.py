"""A stop ends by its deadline, whatever Kafka does."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumer.core.partition.state import Running, Unassigned
from consumer.shell.kafka.ports import OffsetsCommitted, OffsetsNotCommitted, Ownership
from consumer.shell.kafka.source import ANSWER_LIMIT_S, KafkaSource, SourceConfig
from tally.base.deadline import Deadline
from tests_support.consumer.bench import Bench, Kafka
from tests_support.ledger.records import PARTITION, addition

CONFIG = SourceConfig(
    topic="t", group="g", replica="0", group_protocol="classic", session_timeout_ms=6_000, block_records_max=100,
    block_wait_ms=10, prefetch_kbytes=1024,
)  # fmt: skip
OFFSETS = {PARTITION: (7, "witness")}


class SilentClient:
    """librdkafka's consumer on a broker that answers nothing before ``answer`` is set."""

    def __init__(self) -> None:
        self.answer = threading.Event()

    def __call__(self, _config: dict[str, Any]) -> "SilentClient":
        return self

    def subscribe(self, _topics: list[str], **_callbacks: Any) -> None:
        """Nothing is ever assigned."""

    def commit(self, **_: Any) -> None:
        self.answer.wait()

    def close(self) -> None:
        self.answer.wait()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentClient]:
    made = SilentClient()
    monkeypatch.setattr("consumer.shell.kafka.source.Consumer", made)
    yield made
    made.answer.set()


@pytest.fixture
def source(client: SilentClient) -> KafkaSource:
    return KafkaSource({"bootstrap.servers": "127.0.0.1:1"}, CONFIG)


def test_a_stop_with_a_kafka_that_answers_nothing_ends_by_its_deadline(
    tmp_path: Path, source: KafkaSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a silent Kafka a stop ends at its one deadline, with the partition given up and nothing committed."""
    bench = Bench(tmp_path, Kafka([addition(offset, offset) for offset in range(5)]))
    bench.faults.lasting["commit-error"] = "timed out"
    bench.rounds()
    assert bench.own.state == Running()
    monkeypatch.setattr(bench.source, "commit_and_wait", source.commit_and_wait)
    monkeypatch.setattr(bench.source, "close", source.close)
    deadline = Deadline.after(0.2)
    ended = threading.Event()

    def drained() -> None:
        bench.loop.drain(deadline)
        ended.set()

    threading.Thread(target=drained, daemon=True).start()
    assert ended.wait(ANSWER_LIMIT_S), "a step waited on beyond the deadline"
    assert deadline.left_s() == 0.0, "the commit was waited for as long as there was time"
    assert bench.state == Unassigned()
    assert bench.kafka.committed is None


def test_a_commit_that_is_answered_in_time_is_told(source: KafkaSource, client: SilentClient) -> None:
    """A last commit that Kafka answers before the deadline is reported with its offsets."""
    client.answer.set()
    assert source.commit_and_wait(OFFSETS, Deadline.after(ANSWER_LIMIT_S)) == OffsetsCommitted({PARTITION: 7})


def test_a_commit_without_an_answer_is_not_taken_for_one_that_succeeded(source: KafkaSource) -> None:
    """A last commit without an answer in time counts as not committed, since nobody knows what Kafka did with it."""
    outcome = source.commit_and_wait(OFFSETS, Deadline.after(0.0))
    assert isinstance(outcome, OffsetsNotCommitted)
    assert not outcome.next_offsets


def test_whoever_left_is_told_of_nothing_more(source: KafkaSource, client: SilentClient) -> None:
    """A client that calls back after its source was closed reaches nobody, as the loop has ended by then."""
    told: list[object] = []
    source.subscribe(Ownership(told.append, lambda *each: told.append(each), told.append))
    source.close(Deadline.after(0.0))
    source._on_commit(None, [])
    assert told == []
