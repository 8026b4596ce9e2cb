"""Commits whose answer does not come: nobody waits for it, and not for ever is it expected."""

from pathlib import Path

import pytest

from consumer.core.partition.state import Running, Unassigned
from tests_support.consumer.bench import Bench, Kafka
from tests_support.ledger.records import Record, addition


def additions(count: int, first: int = 0) -> list[Record]:
    return [addition(offset, offset) for offset in range(first, first + count)]


def test_partitions_are_given_up_without_a_wait_for_the_answer_of_their_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoke sends a commit of what is durable, beside one on its way as well, and waits for no answer (I12)."""
    bench = Bench(tmp_path, Kafka(additions(10)), batch=5)
    monkeypatch.setattr(bench.source, "commit_and_wait", None)
    bench.faults.queue.append("commit-kept")
    bench.rounds()
    assert (bench.figures.counts.counted, bench.kafka.committed) == (10, None), "one is on its way"
    bench.kafka.group.target.clear()
    bench.rounds(1)
    assert (bench.state, bench.kafka.committed) == (Unassigned(), 10)


def test_a_commit_that_is_never_answered_is_the_end_of_the_member_and_not_of_the_counting(tmp_path: Path) -> None:
    """A member whose commit is never answered is replaced after a while, and its successor counts and commits on."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    bench.faults.queue.append("commit-kept")
    bench.rounds()
    assert (bench.source.reopened, bench.kafka.committed) == (0, None)
    bench.clock.now_s += 200.0
    bench.kafka.sums.write(additions(5, first=10))
    bench.rounds()
    assert bench.source.reopened == 1
    assert (bench.state, bench.figures.counts.counted, bench.kafka.committed) == (Running(), 15, 15)
    bench.clock.now_s += 200.0
    bench.rounds()
    assert bench.source.reopened == 1, "the successor's commits were answered"
