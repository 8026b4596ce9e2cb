"""The group's consumer: who owns which partition, and records as columns.

Theory of operation. The group decides which partitions are *owned*; the ingest loop decides which of these are
*read*. Reading begins by ``start(partition, next_offset)`` at the LEDGER's next offset, never at Kafka's, and ends by
``stop``; what was fetched ahead is then dropped by librdkafka, so no record of an old position comes out afterwards.
In the assign callback nothing is read yet: recovery takes its time in the loop. (Seen with librdkafka 2.16: an empty
``incremental_assign`` answers the callback, and later ones outside of it are accepted.)

Only the ingest loop's thread calls it, and it waits for no broker but by a deadline. Callbacks run inside ``fetch`` and
wait for nothing; a commit that is sent in one holds the client back by itself: it gives the partitions up once that is
answered. What knows no limit of its own is taken in a thread (`tally.kafka.letting_go`). So a client that was let go
may still call back, from another thread: only the callbacks of the member that is ours now reach the owner. What starts
and stops reading meets the client's own thread, which never waits for a broker.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, ParamSpec

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition
from loguru import logger

from consumer.shell.kafka.ports import (
    CommitOutcome,
    CommitSent,
    Fetch,
    NextOffsets,
    OffsetsCommitted,
    OffsetsNotCommitted,
    Ownership,
)
from tally.base.deadline import Deadline
from tally.kafka.columns import columns_of, traceparents_of
from tally.kafka.errors import is_fatal, text_of
from tally.kafka.letting_go import ended_by
from tally.kafka.trouble import ConsumerEndedError, cure_of

ANSWER_LIMIT_S: Final = 10.0
"""How long an answer may be on its way, records and all; then librdkafka connects again and asks for the same."""
BATCH_BYTES_MAX: Final = 32 * 1024 * 1024
"""What a batch may decompress to and still be read with others. It is no limit of what is counted: one that is larger
is read alone. librdkafka has it as the limit of an answer, too, so it is above ``fetch.max.bytes``."""
_ANSWER_SLACK_BYTES: Final = 512
"""By which librdkafka wants the limit of an answer above ``fetch.max.bytes``."""
_CLOSE_LIMIT_S: Final = ANSWER_LIMIT_S + 5
"""For a member that is let go: it waits for the answers that are on their way, 0.1 to 3.5 s (seen in 100 rounds with a
broker held), and once for ever."""
_COMPLAINTS_APART_S: Final = 30.0
"""librdkafka complains about a broker that is away many times a second; the log says it this often."""


Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """``group_protocol`` is "classic" or "consumer"; with the latter there is no static membership (seen: fatal)."""

    topic: str
    group: str
    replica: str
    group_protocol: str
    session_timeout_ms: int
    block_records_max: int
    block_wait_ms: int
    prefetch_kbytes: int


@dataclass(slots=True)
class _Errors:
    out_of_range: set[int] = field(default_factory=set)
    too_large: set[int] = field(default_factory=set)
    unreadable: dict[int, tuple[str, str]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What librdkafka last said about its connections, and when by the monotonic clock."""

    text: str
    at_s: float


class KafkaSource:
    """See the module's theory of operation."""

    def __init__(self, shared: Mapping[str, str], config: SourceConfig) -> None:
        """``shared`` is the configuration of every client; what the guarantees need is not for it to change."""
        self._config = config
        self._shared = shared
        self._reading: set[int] = set()
        self._ownership: Ownership | None = None
        self._logged_at_s = -_COMPLAINTS_APART_S
        self.complaint: Complaint | None = None
        self._member = object()
        self._consumer = self._new_consumer()

    def _new_consumer(self) -> Consumer:
        config = {**_tuning(self._config), **self._shared, **_guarantees(self._config)}
        # A properties file may ask for larger answers.
        least = int(str(config["fetch.max.bytes"])) + _ANSWER_SLACK_BYTES
        config["receive.message.max.bytes"] = max(least, int(str(config["receive.message.max.bytes"])))
        calls = {"on_commit": self._of_member(self._on_commit), "error_cb": self._of_member(self._on_error)}
        return Consumer({**config, **calls})

    def _of_member(self, callback: Callable[Arguments, None]) -> Callable[Arguments, None]:
        """Return a callback of the member that is ours now; it does nothing once another one is."""
        member = self._member

        def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
            if member is self._member:
                callback(*arguments, **named)

        return call

    def subscribe(self, ownership: Ownership) -> None:
        """Join the group. Callbacks come out of ``fetch``."""
        self._ownership = ownership
        self._consumer.subscribe(
            [self._config.topic],
            on_assign=self._of_member(self._on_assign),
            on_revoke=self._of_member(self._on_revoke),
            on_lost=self._of_member(self._on_lost),
        )

    def fetch(self) -> Fetch:
        """Wait for a first record and take what else is there, without waiting for a block to fill.

        Raises ConsumerEndedError.
        """
        began_s = time.monotonic()
        with _ended():
            first = self._consumer.poll(self._config.block_wait_ms / 1000)
            waited_s = time.monotonic() - began_s
            if first is None:
                return Fetch(waited_s=waited_s)
            messages = [first, *self._consumer.consume(self._config.block_records_max - 1, 0)]
        return replace(self._sorted_out(messages), waited_s=waited_s)

    def reopen(self) -> None:
        """Begin again as a new member of the group that reads nothing yet. The old one calls back no more."""
        self._member = object()
        if not ended_by(Deadline.after(_CLOSE_LIMIT_S), self._consumer.close):
            logger.warning("a client that lost its place in the group has not ended in time; going on without it")
        self._reading.clear()
        self._consumer = self._new_consumer()
        assert self._ownership is not None, "subscribe comes first"
        self.subscribe(self._ownership)

    def start(self, partition: int, next_offset: int) -> None:
        """Read a partition from an offset on."""
        self.stop([partition])
        with _ended():
            self._consumer.incremental_assign([self._place(partition, next_offset)])
        self._reading.add(partition)

    def stop(self, partitions: Iterable[int]) -> None:
        """Read these no more and drop what was fetched ahead; those not being read are ignored."""
        stopped = self._reading.intersection(partitions)
        if stopped:
            self._reading -= stopped
            with _ended():
                self._consumer.incremental_unassign([self._place(partition) for partition in stopped])

    def commit(self, offsets: NextOffsets) -> CommitSent | OffsetsNotCommitted:
        """Send a commit; the answer comes to ``Ownership.committed``."""
        try:
            self._consumer.commit(offsets=self._places(offsets), asynchronous=True)
        except KafkaException as error:
            return OffsetsNotCommitted(text_of(error))
        return CommitSent()

    def commit_and_wait(self, offsets: NextOffsets, deadline: Deadline) -> CommitOutcome:
        """Commit and wait for the answer by the deadline, outside of callbacks."""
        outcomes: list[CommitOutcome] = []
        ended_by(deadline, lambda: outcomes.append(self._committed(offsets)))
        return outcomes[0] if outcomes else OffsetsNotCommitted("Kafka did not answer before the deadline for stopping")

    def _committed(self, offsets: NextOffsets) -> CommitOutcome:
        try:
            self._consumer.commit(offsets=self._places(offsets), asynchronous=False)
        except KafkaException as error:
            return OffsetsNotCommitted(text_of(error))
        return OffsetsCommitted({partition: next_offset for partition, (next_offset, _) in offsets.items()})

    def group_metadata(self) -> object:
        """Return what ``send_offsets_to_transaction`` needs to know of this member and its generation."""
        return self._consumer.consumer_group_metadata()

    def close(self, deadline: Deadline) -> None:
        """Leave, by the deadline at the latest, and tell the owner nothing more; a static member's partitions stay
        its own until the session ends."""
        self._ownership = None
        if not ended_by(deadline, self._consumer.close):
            logger.warning("Kafka did not answer in time; the group learns of the end when the session times out")

    def _sorted_out(self, messages: list[Message]) -> Fetch:
        errors = list(map(Message.error, messages))
        # By type: comparing a KafkaError with None raises (seen).
        if set(map(type, errors)) == {type(None)}:
            return Fetch(tuple(columns_of(messages)), traceparents=partial(traceparents_of, messages))
        good: list[Message] = []
        found = _Errors()
        for message, error in zip(messages, errors, strict=True):
            if error is not None:
                self._sort_out(message, error, found)
            elif message.partition() not in found.too_large and message.partition() not in found.unreadable:
                good.append(message)
        return Fetch(
            batches=tuple(columns_of(good)),
            out_of_range=frozenset(found.out_of_range),
            too_large=frozenset(found.too_large),
            unreadable=found.unreadable,
            ends=found.ends,
            traceparents=partial(traceparents_of, good),
        )

    def _sort_out(self, message: Message, error: KafkaError, found: "_Errors") -> None:
        partition, offset = message.partition(), message.offset()
        if error.code() == KafkaError._PARTITION_EOF and partition is not None and offset is not None:
            found.ends[partition] = offset
        elif error.code() == KafkaError._AUTO_OFFSET_RESET and partition is not None:
            found.out_of_range.add(partition)
        elif error.code() == KafkaError._BAD_COMPRESSION and partition is not None:
            found.too_large.add(partition)
        elif (cure := cure_of(error)) is not None and partition is not None:
            found.unreadable[partition] = (f"partition {partition} cannot be read: {text_of(error)}", cure)
        elif is_fatal(error):
            if "same group.instance.id" in error.str():
                raise ConsumerEndedError(
                    f"another consumer took the place of replica {self._config.replica!r} in group "
                    f"{self._config.group}: give each its own TALLY_CONSUMER_REPLICA"
                )
            raise ConsumerEndedError(f"the consumer of Kafka ended: {text_of(error)}")
        else:
            self._on_error(error)

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.incremental_assign([])
        if self._ownership is not None:
            self._ownership.assigned([place.partition for place in places])

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._release(consumer, places, lost=False)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._release(consumer, places, lost=True)

    def _release(self, consumer: Consumer, places: list[TopicPartition], *, lost: bool) -> None:
        numbers = [place.partition for place in places]
        if self._ownership is not None:
            self._ownership.released(numbers, lost)
        stopped = self._reading.intersection(numbers)
        consumer.incremental_unassign([self._place(number) for number in stopped])
        self._reading -= stopped

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        if self._ownership is None:
            return
        done = {place.partition: place.offset for place in places if error is None and place.error is None}
        errors = [each for each in (error, *(place.error for place in places)) if each is not None]
        self._ownership.committed(OffsetsNotCommitted(text_of(errors[0]), done) if errors else OffsetsCommitted(done))

    def _on_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            return  # it comes out of poll() as well, where it ends the loop
        now_s = time.monotonic()
        text = text_of(error)
        self.complaint = Complaint(text, now_s)
        if now_s - self._logged_at_s >= _COMPLAINTS_APART_S:
            self._logged_at_s = now_s
            logger.warning("Kafka: {}", text)

    def _place(self, partition: int, offset: int = OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self._config.topic, partition, offset)

    def _places(self, offsets: NextOffsets) -> list[TopicPartition]:
        return [
            TopicPartition(self._config.topic, partition, offset, text) for partition, (offset, text) in offsets.items()
        ]


@contextmanager
def _ended() -> Iterator[None]:
    """Turn what librdkafka raises once it gave up into the end of this consumer."""
    try:
        yield
    except KafkaException as error:
        raise ConsumerEndedError(f"the consumer of Kafka ended: {text_of(error)}") from error


def _tuning(config: SourceConfig) -> dict[str, object]:
    """Return what a properties file may change."""
    return {
        "queued.max.messages.kbytes": config.prefetch_kbytes,
        "queued.min.messages": 1_000_000,  # so that the bound in bytes decides how much is fetched ahead
        # An answer must come within the socket's time-out, over a slow link, too. It should bring records of every
        # partition: many small blocks are slower than few large ones, 8 MB in all by a fifth (seen).
        "fetch.max.bytes": 24 * 1024 * 1024,
        "receive.message.max.bytes": BATCH_BYTES_MAX,
        "fetch.message.max.bytes": 2 * 1024 * 1024,
        "fetch.wait.max.ms": 100,
        "fetch.error.backoff.ms": 100,
        "fetch.queue.backoff.ms": 5,  # of 1,000: a full queue must not stop the fetching for a second
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "socket.keepalive.enable": True,
        "socket.timeout.ms": int(ANSWER_LIMIT_S * 1000),
        # Recovery and dead letters run beside the loop, which polls on; this is for a very slow fsync.
        "max.poll.interval.ms": 900_000,
    }


def _guarantees(config: SourceConfig) -> dict[str, object]:
    """Return what exactly-once rests on; a properties file does not change it."""
    fixed: dict[str, object] = {
        "group.id": config.group,
        "isolation.level": "read_committed",
        "check.crcs": True,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,  # it tells the position behind a last commit marker
        "group.protocol": config.group_protocol,
    }
    if config.group_protocol == "classic":
        fixed |= {
            "group.instance.id": config.replica,
            "session.timeout.ms": config.session_timeout_ms,
            "heartbeat.interval.ms": config.session_timeout_ms // 5,
            "partition.assignment.strategy": "cooperative-sticky",
        }
    return fixed
