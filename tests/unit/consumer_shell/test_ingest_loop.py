"""The ingest loop's promises, on a Kafka in memory and real ledger files."""

from pathlib import Path
from typing import Any

import pytest

from consumer.core.partition.state import Paused, Recovering, Refused, Running, Unassigned
from consumer.core.snapshot import Outside, lag_of
from consumer.shell.partitions.recovery import OPEN_CURE, PartitionRecovery
from tally.base.deadline import Deadline
from tally.event.codes import FRAMING
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.transaction_port import OffsetsToCommit
from tally.kafka.trouble import TOPIC_MISSING_CURE, ConsumerEndedError
from tally.ledger.format.witness import Witness, decode
from tally.ledger.storage.errors import FULL_CURE, LedgerFull, LedgerSyncFailed
from tally.ledger.storage.ledger import Ledger
from tests_support.consumer.bench import MEMBER, RETRY_S, Bench, Kafka, no_topic
from tests_support.kafka.group import Member
from tests_support.kafka.transactions import FakeTransactions
from tests_support.ledger.records import PARTITION, Record, addition


def junk(offset: int) -> Record:
    return Record(offset, 1_764_000_000_000, b"k", b"junk %d" % offset)


def additions(count: int, first: int = 0) -> list[Record]:
    return [addition(offset, offset) for offset in range(first, first + count)]


def reasons(kafka: Kafka) -> dict[int, list[int]]:
    return {offset: [claim.reason for claim in claims] for offset, claims in kafka.claims.items()}


def ledger_bytes(bench: Bench) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(bench.ledger_dir.glob("*.avro")))


def test_records_are_counted_shown_and_committed_with_their_witness(tmp_path: Path) -> None:
    """Records are counted, shown and committed with a witness of counts, topic and owner, and commits only rise."""
    bench = Bench(tmp_path, Kafka(additions(250)))
    bench.rounds()
    assert bench.own.state == Running()
    assert (bench.figures.next_offset, bench.figures.counts.counted) == (250, 250)
    offset, metadata = bench.kafka.group.committed[PARTITION]
    witness = decode(metadata)
    assert isinstance(witness, Witness)
    assert (offset, witness.counts.counted, witness.topic_id, witness.owner_url) == (
        250,
        250,
        "topic-1",
        "http://member",
    )
    assert bench.source.commits == sorted(bench.source.commits)


def test_nothing_of_a_topic_that_was_made_again_after_the_fetch_is_appended(tmp_path: Path) -> None:
    """A topic created anew after a fetch refuses the partition, and nothing of that fetch is appended or committed."""
    bench = Bench(tmp_path, Kafka(additions(5)))
    bench.rounds()
    before = ledger_bytes(bench)

    def make_again() -> None:
        bench.kafka.topic_id = "topic-2"

    bench.kafka.sums.write(additions(5, first=5))
    bench.source.after_fetch = make_again
    bench.rounds()
    assert isinstance(bench.own.state, Refused)
    assert "topic-2" in bench.own.state.reason
    assert ledger_bytes(bench) == before
    assert bench.kafka.committed == 5


def test_an_append_that_finds_no_room_pauses_commits_nothing_and_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk pauses the partition with its cure and without a commit, and counting resumes once there is room."""
    bench = Bench(tmp_path, Kafka(additions(5)))
    bench.rounds()
    bench.kafka.sums.write(additions(5, first=5))

    def full(*_: Any) -> None:
        raise LedgerFull("no room for 500 bytes")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", full)
        for _ in range(5):
            bench.rounds(1)
            assert bench.own.state in (Paused("no room for 500 bytes", FULL_CURE), Running())
        assert bench.own.state == Paused("no room for 500 bytes", FULL_CURE)
        assert bench.kafka.committed == 5
    bench.rounds()
    assert (bench.state, bench.kafka.committed) == (Running(), 10)


def test_a_failed_fsync_ends_the_loop_before_anything_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed fsync ends the loop, and no offset is committed for records that may not be durable."""
    bench = Bench(tmp_path, Kafka(additions(5)))

    def failed(*_: Any) -> None:
        raise LedgerSyncFailed("fsync: Input/output error")

    monkeypatch.setattr(Ledger, "append", failed)
    with pytest.raises(LedgerSyncFailed):
        bench.rounds()
    assert bench.kafka.committed is None


def test_a_commit_error_is_not_fatal_and_the_next_commit_covers_it(tmp_path: Path) -> None:
    """A failed commit leaves the partition running, and the next successful one commits those records as well."""
    bench = Bench(tmp_path, Kafka(additions(5)))
    bench.faults.lasting["commit-error"] = "REBALANCE_IN_PROGRESS"
    bench.rounds()
    assert bench.own.state == Running()
    assert bench.kafka.committed is None
    del bench.faults.lasting["commit-error"]
    bench.rounds()
    assert bench.kafka.committed == 5


def test_poison_is_committed_only_together_with_its_dead_letter(tmp_path: Path) -> None:
    """Poison pauses the partition until its dead letter can be published, and then both are committed together."""
    bench = Bench(tmp_path, Kafka([*additions(3), junk(3), *additions(3, first=4)]), faults=no_topic())
    bench.rounds()
    paused = bench.own
    assert isinstance(paused.state, Paused)
    assert bench.figures.counts.poison == 1
    assert bench.source.commits == []
    bench.faults.lasting.clear()
    bench.rounds()
    assert bench.own.state == Running()
    assert reasons(bench.kafka) == {3: [FRAMING]}
    (publication,) = bench.publisher.publications
    assert (publication.next_offset, publication.letters[0].value.data) == (7, b"junk 3")


def test_poison_pending_at_a_crash_is_published_after_the_restart_with_its_bytes(tmp_path: Path) -> None:
    """Poison without a dead letter at a crash gets one, with the record's bytes, after the restart, and only one."""
    kafka = Kafka([*additions(3), junk(3)])
    Bench(tmp_path, kafka, faults=no_topic()).rounds()
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    assert reasons(kafka) == {3: [FRAMING]}
    assert [letter.value.data for letter in bench.publisher.publications[0].letters] == [b"junk 3"]
    assert bench.own.state == Running()
    again = Bench(tmp_path, kafka)
    again.rounds()
    assert again.publisher.publications == []


def test_a_commit_that_arrives_late_publishes_nothing_twice(tmp_path: Path) -> None:
    """A late commit that moves the group back below published poison causes no second dead letter (I10)."""
    kafka = Kafka(additions(3))
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    late = dict(kafka.group.committed)
    kafka.sums.write([junk(4), *additions(2, first=5)])
    bench.rounds()
    assert reasons(kafka) == {4: [FRAMING]}
    kafka.group.committed = late
    again = Bench(tmp_path, kafka)
    again.rounds()
    assert again.publisher.publications == []
    assert again.own.state == Running()
    assert kafka.committed == 7


def test_a_lost_ledger_is_replayed_without_commits_and_publishes_nothing_twice(tmp_path: Path) -> None:
    """A lost ledger is rebuilt from the topic without a commit or a second dead letter, and then counts on."""
    kafka = Kafka([*additions(3), junk(3), *additions(30, first=4)])
    first = Bench(tmp_path / "first", kafka)
    first.rounds()
    committed = kafka.committed
    kafka.sums.write(additions(5, first=34))
    second = Bench(tmp_path / "second", kafka, batch=4)
    seen = []
    for _ in range(14):
        second.rounds(1)
        seen.append(second.own.state)
        if isinstance(second.own.state, Recovering):
            assert kafka.committed == committed, "committed while replaying what is committed already"
    assert any(isinstance(state, Recovering) for state in seen)
    assert second.own.state == Running()
    assert second.publisher.publications == []
    assert kafka.committed == 39


def test_a_replay_that_does_not_lead_to_the_witness_is_refused(tmp_path: Path) -> None:
    """A replay whose chain differs from the committed witness refuses the partition and leaves the commit as it was."""
    kafka = Kafka(additions(10))
    Bench(tmp_path / "first", kafka).rounds()
    committed = kafka.committed
    kafka.sums.rewrite(addition(4, 4, a=7))
    second = Bench(tmp_path / "second", kafka)
    second.rounds(10)
    assert isinstance(second.own.state, Refused)
    assert kafka.committed == committed


def test_a_log_that_lost_its_tail_and_grew_again_is_refused(tmp_path: Path) -> None:
    """A log with another record at the ledger's last offset is refused, and the ledger's figures stay visible."""
    kafka = Kafka(additions(10))
    Bench(tmp_path, kafka).rounds()
    kafka.sums.rewrite(addition(9, 99))
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    assert isinstance(bench.own.state, Refused)
    assert bench.own.figures is not None


def test_kafka_away_between_fetch_and_append_pauses_and_nothing_is_lost(tmp_path: Path) -> None:
    """Kafka failing between fetch and append pauses the partition, and the records are counted once it is back."""
    bench = Bench(tmp_path, Kafka(additions(5)))
    bench.rounds()
    bench.kafka.sums.write(additions(5, first=5))
    bench.faults.lasting["down"] = "Kafka did not answer"
    bench.rounds()
    assert bench.own.state == Paused("Kafka did not answer")
    assert bench.figures.next_offset == 5
    del bench.faults.lasting["down"]
    bench.rounds()
    assert (bench.state, bench.figures.next_offset) == (Running(), 10)


def test_a_topic_that_is_gone_pauses_with_its_cure(tmp_path: Path) -> None:
    """A topic that is missing pauses the partition with the cure, and counting resumes once it is there again."""
    bench = Bench(tmp_path, Kafka(additions(5)))
    bench.rounds()
    bench.kafka.sums.write(additions(5, first=5))

    bench.faults.lasting["missing"] = "the cluster has no topic"
    for _ in range(4):
        bench.rounds(1)
        assert bench.own.state == Paused("the cluster has no topic", TOPIC_MISSING_CURE)
    del bench.faults.lasting["missing"]
    bench.rounds()
    assert (bench.state, bench.figures.next_offset) == (Running(), 10)


def test_a_ledger_that_may_not_be_opened_pauses_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger without permission pauses the partition with folder and cure, and counting starts once it has it."""

    def forbidden(*_: object) -> None:
        raise PermissionError("Permission denied")

    bench = Bench(tmp_path, Kafka(additions(5)))
    with monkeypatch.context() as patch:
        patch.setattr(PartitionRecovery, "_open", forbidden)
        bench.rounds(3)
        assert bench.own.state == Paused(f"{bench.ledger_dir} cannot be opened: Permission denied", OPEN_CURE)
    bench.rounds()
    assert (bench.state, bench.figures.next_offset) == (Running(), 5)


def test_records_that_come_again_after_a_rewind_are_not_counted_again(tmp_path: Path) -> None:
    """Records below the ledger's end that are fetched again count neither as additions nor as duplicates."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    bench.rounds()
    bench.source.at[PARTITION] = 0
    bench.rounds()
    assert (bench.figures.counts.counted, bench.figures.counts.duplicates) == (10, 0)


def test_an_id_is_counted_once_whatever_batch_or_process_brings_it_again(tmp_path: Path) -> None:
    """An id that comes again in its batch, in a later one or after a restart is not counted again (I2)."""
    kafka = Kafka([addition(0, 7), addition(1, 7), addition(2, 7, a=5)])
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    kafka.sums.write([addition(4, 7), addition(5, 8)])
    bench.rounds()
    kafka.sums.write([addition(7, 7), addition(8, 8, a=9)])
    again = Bench(tmp_path, kafka)
    again.rounds()
    counts = again.figures.counts
    assert again.figures.next_offset == 9
    assert (counts.counted, counts.duplicates, counts.conflicts) == (2, 3, 2)


def test_nothing_is_committed_of_a_partition_that_was_lost(tmp_path: Path) -> None:
    """Nothing is committed for a lost partition, whose new owner may be further already (I9)."""
    kafka = Kafka(additions(10))
    bench = Bench(tmp_path, kafka)
    bench.faults.lasting["commit-error"] = "later"
    bench.rounds()
    del bench.faults.lasting["commit-error"]
    bench.source.ownership.released([PARTITION], True)
    assert kafka.committed is None


def test_draining_commits_what_is_durable_and_gives_the_partition_up(tmp_path: Path) -> None:
    """A graceful stop commits everything durable that is not committed yet, and releases the partition."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    bench.faults.lasting["commit-error"] = "later"
    bench.rounds()
    del bench.faults.lasting["commit-error"]
    bench.loop.drain(Deadline.after(1.0, bench.clock))
    assert bench.kafka.committed == 10
    assert bench.own.state == Unassigned()


def test_a_member_that_was_fenced_joins_again_once_and_ends_the_second_time(tmp_path: Path) -> None:
    """A fenced member rejoins the group and counts on, and the next fencing ends the consumer."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    bench.rounds()
    bench.faults.queue.append("ended")
    with pytest.raises(ConsumerEndedError) as first:
        bench.loop.round()
    bench.loop.rejoin(first.value)
    bench.kafka.sums.write(additions(5, first=10))
    bench.rounds()
    assert (bench.state, bench.figures.counts.counted) == (Running(), 15)
    with pytest.raises(ConsumerEndedError):
        bench.loop.rejoin(first.value)


def withhold(bench: Bench, waited_s: float) -> int:
    """Count ten records, then have five more in the log that do not come; return how often reading began before.

    ``waited_s`` is how long each fetch waits with nothing at hand.
    """
    bench.rounds()
    bench.kafka.sums.write(additions(5, first=11))
    bench.board.publish_outside(Outside(topic_id="topic-1", last_stable={PARTITION: 17}))
    bench.faults.lasting["stuck"] = "no records come"
    bench.source.waited_s = waited_s
    return bench.source.starts


def test_a_partition_whose_records_do_not_come_is_read_again_and_then_by_a_new_member(tmp_path: Path) -> None:
    """A partition that lags but gets no records is first read anew and then by a new member, which counts them."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    starts = withhold(bench, waited_s=RETRY_S)
    with pytest.raises(ConsumerEndedError, match="gives no records"):
        bench.rounds(100)
    assert bench.source.starts == starts + 1
    del bench.faults.lasting["stuck"]
    bench.rounds()
    assert bench.figures.counts.counted == 15


def test_a_partition_behind_the_records_of_others_is_not_taken_for_stalled(tmp_path: Path) -> None:
    """A partition that waits while other partitions' records come is not read anew, so a slow machine loses nothing."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    starts = withhold(bench, waited_s=0.0)
    bench.rounds(100)
    assert bench.source.starts == starts
    del bench.faults.lasting["stuck"]
    bench.rounds()
    assert bench.figures.counts.counted == 15


def test_a_partition_that_is_read_to_its_end_is_not_taken_for_stalled(tmp_path: Path) -> None:
    """A partition that has read everything up to the last stable offset has no lag and is never read anew."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    bench.kafka.sums.mark()
    bench.rounds()
    starts = bench.source.starts
    bench.board.publish_outside(
        Outside(topic_id="topic-1", last_stable={PARTITION: 11}, high_watermark={PARTITION: 11})
    )
    bench.rounds(100)
    assert bench.source.starts == starts
    assert lag_of(bench.own, bench.board.outside) == 0


def test_a_member_that_lost_its_partitions_with_a_commit_on_its_way_begins_again_under_a_new_name(
    tmp_path: Path,
) -> None:
    """A member that loses its partitions starts anew under another name, but only while a commit is on its way."""
    bench = Bench(tmp_path, Kafka(additions(10)))
    bench.rounds(3)  # assigned; recovered; counted, and a commit sent
    assert bench.source.answers
    bench.kafka.group.expel(MEMBER)
    bench.rounds()
    assert bench.source.reopened == 1
    assert (bench.state, bench.figures.counts.counted) == (Running(), 10)
    bench.rounds()
    bench.kafka.group.expel(MEMBER)
    bench.rounds()
    assert bench.source.reopened == 1, "no commit was on its way"


def test_a_transaction_that_a_killed_owner_left_undecided_is_ended_by_the_recovery(tmp_path: Path) -> None:
    """A recovery ends the dead-letter transaction of a killed owner, so that it can read the committed offset."""
    kafka = Kafka(additions(10))
    Bench(tmp_path, kafka).rounds()
    killed = FakeTransactions(kafka, f"tally-dlt-{PARTITION}", SUMS_DLT.name)
    killed.renew()
    killed.produce([], offsets=OffsetsToCommit(SUMS.name, {PARTITION: (10, "")}, Member("killed")))
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    assert not kafka.is_undecided(PARTITION)
    assert (bench.state, bench.figures.counts.counted) == (Running(), 10)
