"""What a consumer relies on of Kafka, as scenarios that the Kafka in memory and a real one both pass."""

from collections.abc import Callable, Sequence
from typing import Protocol

import pytest

from consumer.core.partition.job_events import LettersPublished
from consumer.core.publication import Publication
from consumer.core.recovery import Absent, Known
from consumer.shell.kafka import ports
from consumer.shell.kafka.ports import CommitOutcome, CommitSent, OffsetsCommitted, Ownership
from consumer.shell.kafka.record_reader import RecordReader
from producer.core.ports import LaneTransactions, Place
from tally.base.deadline import Deadline
from tally.event.claims import Claim
from tally.event.codes import WRONG_SUM
from tally.event.dead_letter import Copy, Letter
from tally.event.digest import undecoded
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.transaction_port import (
    Aborted,
    CommitReturned,
    Delivered,
    OffsetsToCommit,
    Outgoing,
    Transactions,
)
from tally.kafka.trouble import KafkaTroubleError
from tally.ledger.format.witness import Witness
from tally.ledger.format.witness import encode as encode_witness
from tally.ledger.state.counts import Counts
from tests_support.consumer.bench import Publisher
from tests_support.kafka.broker import Broker
from tests_support.kafka.consumer_side import Facts, Source
from tests_support.kafka.faults import Faults
from tests_support.kafka.range_client import opener
from tests_support.kafka.transaction_scenarios import delivered, name, records
from tests_support.kafka.transactions import FakeTransactions
from tests_support.waiting import eventually

PARTITION = 3
WAIT_S = 60.0
UNDECIDED_S = 1.0
WITNESS = Witness(
    counts=Counts(1, total=2),
    chain=bytes(16),
    topic_id="t",
    fold_version=1,
    owner_url="u",
)


class ConsumerWorld(Protocol):
    """Where the scenarios run. The group is nobody else's and has no committed offset."""

    def transactions(self, transactional_id: str) -> LaneTransactions:
        """Return a producer's client that was not renewed yet."""

    def source(self) -> ports.Source:
        """Return a KafkaSource, the only member of the group."""

    def facts(self) -> ports.Identities:
        """Return KafkaFacts of the topic."""

    def offsets(self) -> ports.CommittedOffsets:
        """Return GroupOffsets of the group."""

    def reader(self) -> ports.Records:
        """Return a RecordReader."""

    def letters(self) -> ports.Records:
        """Return a RecordReader of the dead-letter topic."""

    def letter_client(self, transactional_id: str) -> Transactions:
        """Return a client that writes to the dead-letter topic and was not renewed yet."""

    def publisher(self) -> ports.Publisher:
        """Return a DeadLetterPublisher for the group."""


class FakeWorld:
    """The Kafka in memory."""

    def __init__(self) -> None:
        self._broker = Broker()
        self._broker.group.target = {PARTITION: "scenario"}

    def transactions(self, transactional_id: str) -> LaneTransactions:
        """See ConsumerWorld."""
        return FakeTransactions(self._broker, transactional_id)

    def source(self) -> ports.Source:
        """See ConsumerWorld."""
        return Source(self._broker, Faults(), "scenario", batch=2)

    def facts(self) -> ports.Identities:
        """See ConsumerWorld."""
        return Facts(self._broker)

    def offsets(self) -> ports.CommittedOffsets:
        """See ConsumerWorld."""
        return Facts(self._broker)

    def reader(self) -> ports.Records:
        """See ConsumerWorld."""
        return RecordReader({}, SUMS.name, 1.0, opener(self._broker))

    def letters(self) -> ports.Records:
        """See ConsumerWorld."""
        return RecordReader({}, SUMS_DLT.name, 1.0, opener(self._broker))

    def letter_client(self, transactional_id: str) -> Transactions:
        """See ConsumerWorld."""
        return FakeTransactions(self._broker, transactional_id, SUMS_DLT.name)

    def publisher(self) -> ports.Publisher:
        """See ConsumerWorld."""
        return Publisher(self._broker, Faults())


class Member:
    """A source that has its partition, and what came of it."""

    def __init__(self, world: ConsumerWorld) -> None:
        self.source = world.source()
        self.assigned: list[int] = []
        self.answers: list[CommitOutcome] = []
        self.offsets: list[int] = []
        self.keys: list[bytes | None] = []
        self.position = -1
        self.source.subscribe(Ownership(self.assigned.extend, lambda _, __: None, self.answers.append))
        self.until(lambda: PARTITION in self.assigned, "the partition is assigned")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Fetch until something is so."""

        def fetched() -> bool:
            fetch = self.source.fetch()
            for batch in fetch.batches:
                if batch.partition == PARTITION:
                    self.offsets += batch.offsets.tolist()
                    self.keys += batch.keys
            self.position = fetch.ends.get(PARTITION, self.position)
            return condition()

        eventually(fetched, WAIT_S, what, interval_s=0.0)


def written(world: ConsumerWorld, count: int, *, commit: bool) -> list[Place]:
    """Write records in one transaction and end it."""
    client = world.transactions(name())
    client.renew()
    places = delivered(client, records(count, (PARTITION,)))
    assert client.commit(10.0) == CommitReturned() if commit else client.abort() == Aborted()
    client.close()
    return places


def end_of(world: ConsumerWorld) -> int:
    """Return the end up to which the log is committed."""
    return int(world.facts().log_ends([PARTITION])[PARTITION].end)


def committed_records_come_from_where_reading_begins_and_aborted_ones_never(world: ConsumerWorld) -> None:
    """Read from an offset on: every committed record in order at its offset, none that was aborted, none before."""
    begin = written(world, 2, commit=True)[-1].offset + 1
    first = written(world, 3, commit=True)
    written(world, 2, commit=False)
    second = written(world, 3, commit=True)
    member = Member(world)
    member.source.start(PARTITION, begin)
    member.until(lambda: second[-1].offset in member.offsets, "the last one comes")
    assert member.offsets == [place.offset for place in [*first, *second]]
    assert member.keys == [place.key for place in [*first, *second]]


def the_end_of_a_partition_is_behind_the_last_marker(world: ConsumerWorld) -> None:
    """Markers take offsets: the position at the end is past the last record, and nothing more is waited for."""
    last = written(world, 1, commit=True)[-1].offset
    assert end_of(world) == last + 2
    member = Member(world)
    member.source.start(PARTITION, last)
    member.until(lambda: member.position == last + 2, "the position is behind the marker")
    assert member.offsets == [last]


def an_open_transaction_holds_the_end_where_it_began(world: ConsumerWorld) -> None:
    """Nothing behind an open transaction is readable, whoever wrote it, until that is ended; the high watermark is."""
    client = world.transactions(name())
    client.renew()
    places = delivered(client, [Outgoing(b"k" * 16, b"v", PARTITION)])
    behind = written(world, 1, commit=True)
    assert end_of(world) == places[0].offset
    assert world.facts().high_watermarks([PARTITION])[PARTITION] > behind[0].offset
    assert client.commit(10.0) == CommitReturned()
    assert end_of(world) == world.facts().high_watermarks([PARTITION])[PARTITION] > behind[0].offset
    client.close()


def a_commit_is_read_back_with_its_witness(world: ConsumerWorld) -> None:
    """Absent before, then the offset and the witness, also of a commit that is not waited for."""
    assert world.offsets().committed([PARTITION]) == {PARTITION: Absent()}
    written(world, 4, commit=True)
    member = Member(world)
    outcome = member.source.commit_and_wait({PARTITION: (1, encode_witness(WITNESS))}, Deadline.after(WAIT_S))
    assert outcome == OffsetsCommitted({PARTITION: 1})
    assert world.offsets().committed([PARTITION]) == {PARTITION: Known(1, WITNESS)}
    assert member.source.commit({PARTITION: (2, encode_witness(WITNESS))}) == CommitSent()
    member.until(lambda: OffsetsCommitted({PARTITION: 2}) in member.answers, "the commit is answered")
    assert world.offsets().committed([PARTITION]) == {PARTITION: Known(2, WITNESS)}


def records_are_found_at_their_offsets_and_nothing_where_none_is(world: ConsumerWorld) -> None:
    """Asked for offsets, the reader gives the committed records there; a marker or an aborted record is nothing."""
    kept = written(world, 2, commit=True)
    gone = written(world, 1, commit=False)
    last = written(world, 1, commit=True)
    asked = [kept[1].offset, kept[1].offset + 1, gone[0].offset, last[0].offset]
    (found,) = world.reader().records_at(PARTITION, asked)
    assert found.offsets.tolist() == [kept[1].offset, last[0].offset]
    assert found.keys == [kept[1].key, last[0].key]


def an_offset_in_an_undecided_transaction_is_withheld(world: ConsumerWorld) -> None:
    """Asking for it is trouble while the transaction is open, and after an abort there is none."""
    member = Member(world)
    client = world.letter_client(name())
    client.renew()
    offsets = OffsetsToCommit(SUMS.name, {PARTITION: (5, encode_witness(WITNESS))}, member.source.group_metadata())
    assert isinstance(client.produce([Outgoing(b"k", b"v", PARTITION)], offsets=offsets), Delivered)
    with pytest.raises(KafkaTroubleError):
        world.offsets().committed([PARTITION], UNDECIDED_S)
    assert client.abort() == Aborted()
    assert world.offsets().committed([PARTITION]) == {PARTITION: Absent()}
    client.close()


def a_publication_has_its_letter_once_and_its_offset(world: ConsumerWorld) -> None:
    """Letter and offset are committed together; whoever publishes the same again finds that it is done."""
    member = Member(world)
    digest = undecoded(b"k", b"v")
    letter = Letter(PARTITION, 7, 1, WRONG_SUM, "sum is not a + b", digest, None, Copy(b"k"), Copy(b"v"))
    publication = Publication(
        PARTITION, (letter,), 8, encode_witness(WITNESS), member.source.group_metadata(), "topic-1", 1
    )
    for _ in range(2):
        publisher = world.publisher()
        assert publisher.publish(publication) == LettersPublished(8)
        publisher.close()
    assert world.offsets().committed([PARTITION]) == {PARTITION: Known(8, WITNESS)}
    assert world.letters().claims(PARTITION, "topic-1", 0, 8) == {7: (Claim(WRONG_SUM, digest),)}


CONSUMER_SCENARIOS: Sequence[Callable[[ConsumerWorld], None]] = (
    committed_records_come_from_where_reading_begins_and_aborted_ones_never,
    the_end_of_a_partition_is_behind_the_last_marker,
    an_open_transaction_holds_the_end_where_it_began,
    a_commit_is_read_back_with_its_witness,
    records_are_found_at_their_offsets_and_nothing_where_none_is,
    an_offset_in_an_undecided_transaction_is_withheld,
    a_publication_has_its_letter_once_and_its_offset,
)
