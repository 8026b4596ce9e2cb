"""The consumer's loop on a Kafka in memory: what the source, the facts, the readers and the registry would say."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consumer.core.publication import NotPublished, Publication, PublicationOutcome, Published
from consumer.core.recovery import Absent, Committed, Known
from consumer.shell.ingest.loop import IngestLoop, LoopConfig, Parts
from consumer.shell.kafka.ports import (
    CommitOutcome,
    CommitSent,
    Fetch,
    NextOffsets,
    OffsetsCommitted,
    OffsetsNotCommitted,
    Ownership,
)
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.schemas import Schemas
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.readers import Readers
from tally.base.deadline import Deadline
from tally.event.claims import Claim
from tally.event.classify import Fetched
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.facts import LogEnds
from tally.kafka.topic_identity import TopicIdentity
from tally.kafka.trouble import ConsumerEndedError, KafkaTroubleError
from tally.ledger.format.witness import decode as decode_witness
from tally.registry.lookup import RegisteredSchema
from tests_support.ledger.records import PARTITION, PARTITIONS, SCHEMA_ID, Record, fetched

RETRY_S = 0.5


class Inline(Executor):
    """Runs everything at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as a real executor does
            done.set_exception(error)
        return done


class Manual(Executor):
    """Runs nothing before it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        promised: Future[Any] = Future()

        def run() -> None:
            try:
                promised.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - as a real executor does
                promised.set_exception(error)

        self.waiting.append(run)
        return promised

    def run_all(self) -> None:
        """Run what waits."""
        while self.waiting:
            self.waiting.pop(0)()


@dataclass
class Kafka:
    """One partition's log, the group's offset, the dead letters, and what goes wrong."""

    records: list[Record] = field(default_factory=list)
    topic_id: str = "topic-1"
    committed: tuple[int, str] | None = None
    dead_letters: dict[int, tuple[Claim, ...]] = field(default_factory=dict)
    down: str = ""
    undecided: bool = False
    large: set[int] = field(default_factory=set)
    unreadable: tuple[str, str] | None = None
    alone_error: Exception | None = None
    commit_error: str = ""
    publish_error: str = ""

    @property
    def reasons(self) -> dict[int, list[int]]:
        """The reasons in the dead letters by offset."""
        return {offset: [claim.reason for claim in said] for offset, said in self.dead_letters.items()}

    @property
    def end(self) -> int:
        return self.records[-1].offset + 2 if self.records else 0  # past a commit marker

    # -- as KafkaFacts and GroupOffsets ---------------------------------------------------------------------------

    def topic(self) -> TopicIdentity:
        self._answer()
        return TopicIdentity(self.topic_id, PARTITIONS)

    def cluster_id(self) -> str:
        self._answer()
        return "cluster"

    def committed_of(self, partitions: Iterable[int]) -> dict[int, Committed]:
        self._answer()
        if self.undecided:
            raise KafkaTroubleError("timed out")
        if self.committed is None:
            return dict.fromkeys(partitions, Absent())
        offset, metadata = self.committed
        return dict.fromkeys(partitions, Known(offset, decode_witness(metadata)))

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        self._answer()
        return dict.fromkeys(partitions, LogEnds(0, self.end))

    def _answer(self) -> None:
        if self.down:
            raise KafkaTroubleError(self.down)


@dataclass
class Facts:
    """KafkaFacts and GroupOffsets over a Kafka in memory."""

    kafka: Kafka

    def topic(self) -> TopicIdentity:
        return self.kafka.topic()

    def cluster_id(self) -> str:
        return self.kafka.cluster_id()

    def committed(self, partitions: Iterable[int], limit_s: float = 0.0) -> dict[int, Committed]:
        return self.kafka.committed_of(partitions)

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        return self.kafka.log_ends(partitions)


@dataclass
class Reader:
    """RecordReader over a Kafka in memory."""

    kafka: Kafka

    def records_at(self, partition: int, offsets: list[int]) -> Iterator[Fetched]:
        for record in self.kafka.records:
            if record.offset in set(offsets):
                yield fetched([record])

    def next_alone(self, partition: int, offset: int) -> Fetched:
        if self.kafka.alone_error is not None:
            raise self.kafka.alone_error
        return fetched([record for record in self.kafka.records if record.offset >= offset][:1])

    def claims(self, partition: int, topic_id: str, start: int, below: int) -> dict[int, tuple[Claim, ...]]:
        return {offset: said for offset, said in self.kafka.dead_letters.items() if offset < below}


@dataclass
class Source:
    """KafkaSource over a Kafka in memory: at most ``batch`` records a fetch, commits answered by the next fetch."""

    kafka: Kafka
    batch: int = 100
    at: int | None = None
    answers: list[CommitOutcome] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    after_fetch: Callable[[], None] = lambda: None
    stuck: bool = False
    waited_s: float = RETRY_S
    members: int = 1
    lose: bool = False
    starts: int = 0
    ended: list[str] = field(default_factory=list)
    ownership: Ownership | None = None
    assigned: bool = False

    def subscribe(self, ownership: Ownership) -> None:
        self.ownership = ownership

    def fetch(self) -> Fetch:
        assert self.ownership is not None
        if self.ended:
            raise ConsumerEndedError(self.ended.pop(0))
        if self.lose:
            self.lose = False
            self.ownership.released([PARTITION], True)
        if not self.assigned:
            self.assigned = True
            self.ownership.assigned([PARTITION])
        while self.answers:
            self.ownership.committed(self.answers.pop(0))
        if self.at is None:
            return Fetch()
        waiting = [record for record in self.kafka.records if record.offset >= self.at][: self.batch]
        large = [record for record in waiting if record.offset in self.kafka.large]
        if large:
            waiting = waiting[: waiting.index(large[0])]
            return Fetch((fetched(waiting),) if waiting else (), too_large=frozenset({PARTITION}))
        if self.kafka.unreadable:
            return Fetch(unreadable={PARTITION: self.kafka.unreadable})
        self.after_fetch()
        if not waiting:
            self.at = max(self.at, self.kafka.end)
            return Fetch(ends={PARTITION: self.at})
        if self.stuck:
            return Fetch(waited_s=self.waited_s)
        self.at = waiting[-1].offset + 1
        return Fetch((fetched(waiting),))

    def reopen(self) -> None:
        self.at, self.assigned = None, False
        self.answers.clear()
        self.members += 1

    def start(self, partition: int, next_offset: int) -> None:
        self.at = next_offset
        self.starts += 1

    def stop(self, partitions: Iterable[int]) -> None:
        self.at = None

    def commit(self, offsets: NextOffsets) -> CommitSent:
        self.answers.append(self.commit_and_wait(offsets))
        return CommitSent()

    def commit_and_wait(self, offsets: NextOffsets, deadline: Deadline | None = None) -> CommitOutcome:
        if self.kafka.commit_error:
            return OffsetsNotCommitted(self.kafka.commit_error)
        for offset, metadata in offsets.values():
            self.kafka.committed = (offset, metadata)
            self.commits.append(offset)
        return OffsetsCommitted({partition: next_offset for partition, (next_offset, _) in offsets.items()})

    def group_metadata(self) -> object:
        return b"group"

    def close(self, deadline: Deadline) -> None:
        """A static member does not leave the group."""


@dataclass
class Publisher:
    """DeadLetterPublisher over a Kafka in memory."""

    kafka: Kafka
    publications: list[Publication] = field(default_factory=list)

    def publish(self, publication: Publication) -> PublicationOutcome:
        if self.kafka.publish_error:
            return NotPublished(self.kafka.publish_error)
        self.publications.append(publication)
        for letter in publication.letters:
            before = self.kafka.dead_letters.get(letter.offset, ())
            self.kafka.dead_letters[letter.offset] = (*before, Claim(letter.reason, letter.digest))
        self.kafka.committed = (publication.next_offset, publication.metadata)
        return Published(publication.next_offset)

    def settle(self, partition: int) -> None:
        self.kafka.undecided = False

    def forget(self, partition: int) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is kept."""


@dataclass
class Registry:
    """A registry that knows our two schemas."""

    schemas: dict[int, RegisteredSchema] = field(default_factory=dict)

    def lookup(self, subject: str, _text: str) -> int:
        return {SUMS.subject: SCHEMA_ID, SUMS_DLT.subject: 2}[subject]

    def schema(self, schema_id: int) -> RegisteredSchema:
        return self.schemas.get(schema_id) or RegisteredSchema(SUMS.schema, SUMS.fingerprint)


@dataclass
class Clock:
    """Time that a test moves."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """A consumer's loop around a Kafka in memory and a ledger on a real disk."""

    def __init__(
        self, data: Path, kafka: Kafka | None = None, batch: int = 100, *, jobs: Executor | None = None
    ) -> None:
        self.kafka = kafka or Kafka()
        self.source = Source(self.kafka, batch)
        self.publisher = Publisher(self.kafka)
        self.clock = Clock()
        self.board = SnapshotBoard(PARTITIONS, 10)
        self.registry = Registry()
        facts, reader = Facts(self.kafka), Reader(self.kafka)
        registry: Any = self.registry  # the client of schemas has no port
        schemas = self.schemas = Schemas(registry, 1.0, self.clock)
        source, publisher = self.source, self.publisher
        recovery = PartitionRecovery(
            facts=facts, offsets=facts, schemas=schemas, sums=reader, dead_letter_facts=facts, dead_letters=reader,
            settle=publisher.settle, ledger_dir=data, topic=SUMS.name, partitions=PARTITIONS,
        )  # fmt: skip
        self.ledger_dir = recovery.directory(PARTITION)
        parts = Parts(
            source=source, facts=facts, recovery=recovery, sums=reader, publisher=publisher, schemas=schemas,
            board=self.board, readers=Readers(), fsyncs=Inline(), jobs=jobs or Inline(), monotonic_s=self.clock,
        )  # fmt: skip
        self.loop = IngestLoop(parts, LoopConfig(PARTITIONS, "http://here", RETRY_S))
        self.loop.begin()

    def rounds(self, number: int = 6) -> None:
        """Run some rounds, a little apart."""
        for _ in range(number):
            self.loop.round()
            self.clock.now_s += RETRY_S

    @property
    def own(self) -> Any:
        """The partition as readers see it."""
        return self.board.snapshot.partitions[PARTITION]
