"""The ports between the consumer and Kafka. Fakes implement them for tests; one suite runs on the fakes and the real.

What raises here raises KafkaTroubleError, unless it says otherwise: Kafka did not answer in time, or with an error.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from consumer.core.publication import Publication, PublicationOutcome
from consumer.core.recovery import Committed
from consumer.shell.kafka.source import Fetch, Ownership
from tally.event.claims import Claim
from tally.event.classify import Fetched
from tally.kafka.facts import LogEnds
from tally.kafka.topic_identity import TopicIdentity


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

    def commit(self, offsets: Mapping[int, tuple[int, str]]) -> str:
        """Send a commit of (next offset, metadata); the answer comes to ``Ownership.committed``. Returns an error."""

    def commit_and_wait(self, offsets: Mapping[int, tuple[int, str]]) -> str:
        """Commit and wait for the answer, for a bounded time. Returns an error."""

    def group_metadata(self) -> object:
        """Return what a transaction with offsets needs to know of this member and its generation."""

    def close(self) -> None:
        """Leave."""


class LogFacts(Protocol):
    """Where logs begin and end, and in which cluster; `TopicLogs` is the real one. Safe from several threads."""

    def cluster_id(self) -> str:
        """Return the cluster's id."""

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        """Return the first offset of each log and its last stable offset."""


class Identities(LogFacts, Protocol):
    """The topic's identity as well; `KafkaFacts` is the real one."""

    def topic(self) -> TopicIdentity:
        """Return the topic's identity at this moment."""


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
        """Return what the dead letters of a partition claim, by source offsets ``below`` a limit."""


class Publisher(Protocol):
    """Publishes dead letters; `DeadLetterPublisher` is the real one. One call a partition at a time."""

    def publish(self, publication: Publication) -> PublicationOutcome:
        """Try once."""

    def settle(self, partition: int) -> None:
        """End whatever transaction an earlier owner of the partition left undecided."""

    def forget(self, partition: int) -> None:
        """Let a partition's client go. Waits for nobody."""

    def close(self) -> None:
        """Let all clients go. Waits for nobody."""
