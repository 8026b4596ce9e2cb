"""The consumer's loop around a Kafka in memory and a ledger on a real disk."""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from consumer.core.partition.job_events import LettersPublished, PublicationEvent
from consumer.core.partition.model import Rules
from consumer.core.partition.state import State
from consumer.core.publication import Publication
from consumer.core.snapshot import Figures, Own
from consumer.shell import schemas
from consumer.shell.ingest.loop import IngestLoop, LoopConfig, Parts
from consumer.shell.kafka.dead_letters import DeadLetterPublisher
from consumer.shell.kafka.ports import KafkaPorts
from consumer.shell.kafka.record_reader import RecordReader
from consumer.shell.partitions.executor import PartitionExecutor
from consumer.shell.partitions.jobs import PartitionJobs
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.readers import Readers
from tally.base.framing import SchemaName
from tally.event.claims import Claim
from tally.event.dead_letter import Copy, Letter, dead_record
from tally.generated.topics import SUMS, SUMS_DLT
from tally.ledger.format.identity import Identity, Refuse
from tally.ledger.storage.ledger import Ledger, Opened
from tests_support.clock import Clock
from tests_support.kafka.broker import TIMESTAMP_MS, Broker, Log
from tests_support.kafka.consumer_side import Facts, Source
from tests_support.kafka.faults import Faults
from tests_support.kafka.range_client import opener
from tests_support.kafka.transactions import FakeTransactions
from tests_support.ledger.records import PARTITION, PARTITIONS, SCHEMA_ID, Record

RETRY_S = 0.5
LETTERS_SCHEMA_ID = 2
MEMBER = "member"
P = ParamSpec("P")
T = TypeVar("T")


class Inline(Executor):
    """Runs everything at once, in the caller's thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        done: Future[T] = Future()
        _run(done, partial(fn, *args, **kwargs))
        return done


class Manual(Executor):
    """Runs nothing before it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        promised: Future[T] = Future()
        self.waiting.append(partial(_run, promised, partial(fn, *args, **kwargs)))
        return promised

    def run_all(self) -> None:
        """Run what waits."""
        while self.waiting:
            self.waiting.pop(0)()


def _run(promised: "Future[T]", call: Callable[[], T]) -> None:
    try:
        promised.set_result(call())
    except Exception as error:  # noqa: BLE001 - as a real executor does
        promised.set_exception(error)


class Kafka(Broker):
    """A broker whose group has one member, of which one partition is looked at."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        super().__init__()
        self.group.target = {PARTITION: MEMBER}
        self.sums.write(records)

    @property
    def sums(self) -> Log:
        """The log of the partition."""
        return self.log(PARTITION)

    @property
    def committed(self) -> int | None:
        """The group's offset."""
        offset, _ = self.group.committed.get(PARTITION, (None, ""))
        return offset

    @property
    def claims(self) -> dict[int, tuple[Claim, ...]]:
        """What the dead letters claim, by offset."""
        letters = self.dead_letters()
        return {each.offset: tuple(e.claim for e in letters if e.offset == each.offset) for each in letters}

    def forge(self, offset: int, *claims: Claim) -> None:
        """Let somebody else write dead letters about a record."""
        for claim in claims:
            place = (PARTITION, offset, TIMESTAMP_MS)
            letter = Letter(*place, claim.reason, "", claim.digest, None, Copy(None), Copy(None))
            forged = dead_record(letter, SUMS.name, self.topic_id, LETTERS_SCHEMA_ID)
            self.log(PARTITION, SUMS_DLT.name).append(forged.key, forged.value, headers=forged.headers)


def no_topic() -> Faults:
    """Return faults by which no dead letter is ever published."""
    faults = Faults()
    faults.lasting["letters-produce"] = "no topic"
    return faults


class Publisher(DeadLetterPublisher):
    """Keeps what was published. What may go wrong is what `FakeTransactions` lists, with ``letters-`` before it."""

    def __init__(self, kafka: Broker, faults: Faults) -> None:
        new_client = partial(FakeTransactions, kafka, topic=SUMS_DLT.name, faults=faults, prefix="letters-")
        super().__init__(new_client, Facts(kafka, faults), SUMS.name, 1.0, math.inf)
        self.publications: list[Publication] = []

    def publish(self, publication: Publication) -> PublicationEvent:
        """Publish, and keep it."""
        outcome = super().publish(publication)
        if isinstance(outcome, LettersPublished):
            self.publications.append(publication)
        return outcome


class Registry:
    """A registry that knows our two schemas."""

    def __init__(self) -> None:
        self.schemas: dict[SchemaName, str] = {}

    def lookup(self, subject: str, _text: str) -> int:
        """See the port."""
        return {SUMS.subject: SCHEMA_ID, SUMS_DLT.subject: LETTERS_SCHEMA_ID}[subject]

    def schema(self, name: SchemaName) -> str:
        """See the port."""
        return self.schemas.get(name, SUMS.schema)


class Consumer:
    """A consumer's process: the real loop, on a Kafka in memory; ``faults`` is what goes wrong with that."""

    def __init__(
        self,
        kafka: Broker,
        name: str,
        ledger_dir: Path,
        *,
        batch: int,
        clock: Clock,
        faults: Faults | None = None,
        jobs: Executor | None = None,
        registry: schemas.Registry | None = None,
        open_ledger: Callable[[Path, Identity], Opened | Refuse] = Ledger.open,
    ) -> None:
        faults = self.faults = faults or Faults()
        self.source = Source(kafka, faults, name, batch)
        self.publisher = Publisher(kafka, faults)
        self.board = SnapshotBoard(PARTITIONS, 10)
        self.readers = Readers()
        self.schemas = schemas.Schemas(registry or Registry(), 1.0, clock)
        self.facts = Facts(kafka, faults)
        read = opener(kafka, faults)
        ports = KafkaPorts(
            source=self.source, facts=self.facts, offsets=self.facts, sums=RecordReader({}, SUMS.name, 1.0, read),
            dead_letters=RecordReader({}, SUMS_DLT.name, 1.0, read),
            dead_letter_logs=Facts(kafka, faults, SUMS_DLT.name), publisher=self.publisher,
        )  # fmt: skip
        self.recovery = PartitionRecovery(
            ports, self.schemas, ledger_dir, topic=SUMS.name, partitions=PARTITIONS, open_ledger=open_ledger
        )
        owner_url = f"http://{name}"
        partition_jobs = PartitionJobs(jobs or Inline(), ports, self.recovery, self.schemas, owner_url)
        partitions = PartitionExecutor(
            ports, partition_jobs, self.readers, Rules(RETRY_S), PARTITIONS, monotonic_s=clock
        )
        parts = Parts(
            kafka=ports, partitions=partitions, jobs=partition_jobs, schemas=self.schemas, board=self.board,
            fsyncs=Inline(), monotonic_s=clock,
        )  # fmt: skip
        self.loop = IngestLoop(parts, LoopConfig(PARTITIONS, owner_url, RETRY_S))
        self.loop.begin()


class Bench(Consumer):
    """A consumer whose ledger is on a real disk, and the one partition that is looked at."""

    def __init__(
        self,
        data: Path,
        kafka: Kafka | None = None,
        batch: int = 100,
        *,
        faults: Faults | None = None,
        jobs: Executor | None = None,
        registry: schemas.Registry | None = None,
    ) -> None:
        self.kafka = kafka or Kafka()
        self.clock = Clock()
        super().__init__(
            self.kafka, MEMBER, data, batch=batch, clock=self.clock, faults=faults, jobs=jobs, registry=registry
        )
        self.ledger_dir = self.recovery.directory(PARTITION)

    def rounds(self, number: int = 6) -> None:
        """Run some rounds, a little apart."""
        for _ in range(number):
            self.loop.round()
            self.clock.now_s += RETRY_S

    @property
    def own(self) -> Own:
        """The partition as readers see it."""
        return self.board.snapshot.partitions[PARTITION]

    @property
    def state(self) -> State:
        """What the partition does."""
        return self.own.state

    @property
    def figures(self) -> Figures:
        """What its open ledger counts."""
        assert self.own.figures is not None
        return self.own.figures
