"""What other threads work on, when partitions come and go and the consumer stops."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from consumer.core.partition.state import Recovering, Refused, Running, Unassigned
from consumer.shell.partitions import jobs as partition_jobs
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.views.readers import Readers
from tally.base.deadline import Deadline
from tally.kafka.trouble import ConsumerEndedError
from tally.ledger.storage.errors import LedgerSyncFailed
from tally.ledger.storage.ledger import Ledger
from tests_support.consumer.bench import Bench, Kafka, Manual
from tests_support.kafka.consumer_side import Source
from tests_support.ledger.records import PARTITION, PARTITIONS, Record, addition


@pytest.fixture
def jobs() -> Manual:
    return Manual()


@pytest.fixture
def bench(tmp_path: Path, jobs: Manual) -> Bench:
    """A partition that is being recovered, in a thread that takes its time."""
    made = Bench(tmp_path, Kafka([addition(offset, offset) for offset in range(5)]), jobs=jobs)
    made.rounds(2)
    assert len(jobs.waiting) == 1
    return made


def release(bench: Bench) -> None:
    bench.source.ownership.released([PARTITION], True)


def assign(bench: Bench) -> None:
    bench.source.ownership.assigned([PARTITION])


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[Ledger]:
    """The ledgers that were closed."""
    found: list[Ledger] = []
    close = Ledger.close

    def noted(self: Ledger) -> None:
        found.append(self)
        close(self)

    monkeypatch.setattr(Ledger, "close", noted)
    return found


def test_a_ledger_that_is_opened_after_the_release_is_closed(bench: Bench, jobs: Manual, closed: list[Ledger]) -> None:
    """A ledger that a recovery opens after its partition was released is closed in the next round."""
    release(bench)
    assert bench.own.state == Unassigned()
    jobs.run_all()
    assert closed == []
    bench.rounds(1)
    assert len(closed) == 1
    assert bench.own.figures is None


def test_a_partition_that_is_assigned_again_waits_for_the_thread_of_its_former_self(
    bench: Bench, jobs: Manual, closed: list[Ledger]
) -> None:
    """A partition that comes back waits until its earlier recovery has ended, so a ledger never has two users (I6)."""
    release(bench)
    assign(bench)
    bench.rounds(3)
    assert bench.own.state == Recovering("assigned")
    assert len(jobs.waiting) == 1, "the second recovery has not begun"
    jobs.run_all()
    bench.rounds(1)
    assert len(closed) == 1
    for _ in range(6):
        jobs.run_all()
        bench.rounds(1)
    assert (bench.state, bench.figures.counts.counted) == (Running(), 5)


def test_a_disk_that_fails_in_a_thread_of_a_partition_that_was_given_up_ends_the_loop(
    tmp_path: Path, jobs: Manual, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed fsync ends the loop also when its partition was given up meanwhile, as no page can be trusted (I4)."""

    def failed(*_: object) -> None:
        raise LedgerSyncFailed("fsync: Input/output error")

    monkeypatch.setattr(PartitionRecovery, "run", failed)
    bench = Bench(tmp_path, Kafka(), jobs=jobs)
    bench.rounds(2)
    release(bench)
    jobs.run_all()
    with pytest.raises(LedgerSyncFailed):
        bench.loop.round()


def test_a_member_that_ends_before_a_publication_begins_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that ends before a decided publication starts releases the partition, and the next one publishes it."""
    poison = Record(0, 1_764_000_000_000, b"k", b"junk")
    bench = Bench(tmp_path, Kafka([poison]))

    def ended(*_: object) -> None:
        raise ConsumerEndedError("fenced")

    with monkeypatch.context() as patch:
        patch.setattr(Source, "stop", ended)
        with pytest.raises(ConsumerEndedError) as error:
            bench.rounds()
    bench.loop.rejoin(error.value)
    assert bench.own.state == Unassigned()
    bench.rounds()
    assert (bench.state, bench.figures.counts.poison) == (Running(), 1)
    assert len(bench.publisher.publications) == 1


def test_partitions_that_were_added_to_the_topic_are_refused_and_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Added partitions refuse each partition with the number found, and the process goes on and can release them."""
    bench = Bench(tmp_path, Kafka())
    bench.facts.partitions = 2 * PARTITIONS
    bench.rounds(1)
    bench.source.ownership.assigned([PARTITIONS + 1])
    bench.rounds(4)
    assert isinstance(bench.own.state, Refused)
    assert "24 partitions" in bench.own.state.reason
    assert len(bench.board.snapshot.partitions) == PARTITIONS
    bench.source.ownership.released([PARTITION, PARTITIONS + 1], False)
    assert bench.board.snapshot.partitions[PARTITION].state == Unassigned()


def test_readers_of_a_partition_that_was_given_up_are_turned_away_at_once(
    bench: Bench, jobs: Manual, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that a late recovery opens for a partition that was given up is not offered to readers."""
    put: list[int] = []
    monkeypatch.setattr(Readers, "put", lambda _self, partition, _opened: put.append(partition))
    release(bench)
    jobs.run_all()
    bench.rounds(2)
    assert put == []


def test_a_stop_waits_for_threads_no_longer_than_its_deadline(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop waits for threads only for what is left of its deadline, and gives the partitions up all the same."""
    waited: list[tuple[int, float]] = []

    def wait(jobs: Collection[Any], timeout: float) -> None:
        waited.append((len(jobs), timeout))

    monkeypatch.setattr(partition_jobs, "wait", wait)
    deadline = Deadline.after(1.0, bench.clock)
    bench.clock.now_s += 0.25
    bench.loop.drain(deadline)
    assert waited == [(1, 0.75)]
    assert bench.own.state == Unassigned()
