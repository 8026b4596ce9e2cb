"""The ports between the consumer and Kafka. Fakes implement them for tests; one suite runs on the fakes and the real.

What raises here raises KafkaTroubleError, unless it says otherwise: Kafka did not answer in time, or with an error.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from consumer.core.partition.job_events import PublicationEvent
from consumer.core.publication import Publication
from consumer.core.recovery import Committed
from tally.base.deadline import Deadline
from tally.event.claims import Claim
from tally.event.classify import Fetched
from tally.kafka.facts import LogEnds
from tally.kafka.topic_identity import TopicIdentity


def _no_traceparents(_most: int) -> Mapping[tuple[int, int], str]:
    """Of a fetch that brought no records."""
    return {}


@dataclass(frozen=True, slots=True)
class Fetch:
    """What one round brought: columns a partition, partitions whose position is outside the log, and of those that
    were read to their end the offset at which they end, commit markers included.

    ``too_large``: partitions whose next batch decompresses to more than BATCH_BYTES_MAX. ``unreadable``: those that
    cannot be read on, with the reason and the cure. Of both nothing behind that place is in ``batches``.
    """

    batches: tuple[Fetched, ...] = ()
    out_of_range: frozenset[int] = frozenset()
    too_large: frozenset[int] = frozenset()
    unreadable: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    traceparents: Callable[[int], Mapping[tuple[int, int], str]] = _no_traceparents
    """Those of the first so many records that have one, by (partition, offset). Nobody looks at headers before."""
    waited_s: float = 0.0
    """How long nothing was at hand. Behind it stands no record of any partition that was fetched ahead before."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """What the source tells its owner, in the loop's thread. ``released`` runs before the partitions are given up."""

    assigned: Callable[[list[int]], None]
    released: Callable[[list[int], bool], None]
    """(partitions, lost): lost means the group already gave them to others."""
    committed: Callable[["CommitOutcome"], None]
    """The answer to ``commit``."""


NextOffsets: TypeAlias = Mapping[int, tuple[int, str]]
"""What to commit: (next offset, metadata) by partition."""


@dataclass(frozen=True, slots=True)
class CommitSent:
    """The commit is on its way; the answer comes to ``Ownership.committed``."""


@dataclass(frozen=True, slots=True)
class OffsetsCommitted:
    """The group has these next offsets, by partition."""

    next_offsets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class OffsetsNotCommitted:
    """Kafka took none of the offsets, or only ``next_offsets`` of them; or what it did is not known."""

    reason: str
    next_offsets: Mapping[int, int] = field(default_factory=dict)


CommitOutcome: TypeAlias = OffsetsCommitted | OffsetsNotCommitted


class Source(Protocol):
    """The group's consumer; `KafkaSource` is the real one and has the theory. Only the ingest loop's thread calls."""

    def subscribe(self, ownership: Ownership) -> None:
        """Join the group. Callbacks come out of ``fetch``."""

    def fetch(self) -> Fetch:
        """Wait for a first record and take what else is there. Raises ConsumerEndedError."""

    def reopen(self) -> None:
        """Begin again as a new member of the group that reads nothing yet."""

    def start(self, partition: int, next_offset: int) -> None:
        """Read a partition from an offset on."""

    def stop(self, partitions: Iterable[int]) -> None:
        """Read these no more and drop what was fetched ahead; those not being read are ignored."""

    def commit(self, offsets: NextOffsets) -> CommitSent | OffsetsNotCommitted:
        """Send a commit. Waits for nothing."""

    def commit_and_wait(self, offsets: NextOffsets, deadline: Deadline) -> CommitOutcome:
        """Commit and wait for the answer by the deadline. Not within a callback, which waits for nothing."""

    def group_metadata(self) -> object:
        """Return what a transaction with offsets needs to know of this member and its generation."""

    def close(self, deadline: Deadline) -> None:
        """Leave, by the deadline at the latest. The owner hears nothing more."""


class LogFacts(Protocol):
    """Where logs begin and end, and in which cluster; `TopicLogs` is the real one. Safe from several threads."""

    def cluster_id(self) -> str:
        """Return the cluster's id."""

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        """Return the first offset of each log and its last stable offset."""


class Identities(LogFacts, Protocol):
    """The topic's identity and high watermarks as well; `KafkaFacts` is the real one."""

    def topic(self) -> TopicIdentity:
        """Return the topic's identity at this moment."""

    def high_watermarks(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return where each log ends, records of open transactions included."""


class CommittedOffsets(Protocol):
    """What the group has committed; `GroupOffsets` is the real one. Safe from several threads."""

    def committed(self, partitions: Iterable[int], limit_s: float = math.inf) -> dict[int, Committed]:
        """Return it by partition; an offset in an undecided transaction is trouble, never Absent."""


class Records(Protocol):
    """Records that are read again; `RecordReader` is the real one. Safe from several threads."""

    def records_at(self, partition: int, offsets: list[int]) -> Iterator[Fetched]:
        """Yield the records at these offsets (increasing) that exist, some at a time."""

    def next_alone(self, partition: int, offset: int) -> Fetched:
        """Return records from an offset on, of one batch, however large it is. Raises TooLargeAloneError as well."""

    def claims(self, partition: int, topic_id: str, start: int, below: int) -> dict[int, tuple[Claim, ...]]:
        """Return what the dead letters of a partition claim, by source offsets ``below`` a limit.

        Raises OpenTransactionError when letters may stand where nobody can read them yet.
        """


class Publisher(Protocol):
    """Publishes dead letters; `DeadLetterPublisher` is the real one. One call a partition at a time."""

    def publish(self, publication: Publication) -> PublicationEvent:
        """Try once."""

    def settle(self, partition: int) -> None:
        """End whatever transaction an earlier owner of the partition left undecided."""

    def forget(self, partition: int) -> None:
        """Let a partition's client go. Waits for nobody."""

    def close(self) -> None:
        """Let all clients go. Waits for nobody."""


@dataclass(frozen=True)
class KafkaPorts:
    """All that counting asks of Kafka. ``source``, ``facts``, ``offsets`` and ``sums`` are of the topic of sums,
    ``dead_letters``, ``dead_letter_logs`` and ``publisher`` of the dead-letter topic."""

    source: Source
    facts: Identities
    offsets: CommittedOffsets
    sums: Records
    dead_letters: Records
    dead_letter_logs: LogFacts
    publisher: Publisher
