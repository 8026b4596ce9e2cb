"""Reading committed records from given offsets to an end, outside of any group: the one loop that does it.

Theory of operation. A partition is finished at its end, which is its last stable offset (librdkafka tells it by an
event), or at the offset ``until``, whichever comes first. What is behind that end in an open transaction, and whatever
follows it, nobody can read yet; `tally.kafka.held_back` tells of it. An error that passes by itself is waited out; the
waiting is bounded, by the time without an answer and by the time in all. What ends the reading early is one of four
errors:

    NotInTimeError    the time is over; told with the last error that was waited out
    OutOfRangeError   the log begins behind the offset or ends before it
    TooLargeError     a batch decompresses to more than librdkafka takes
    FailedError       an error that waiting does not mend
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tally.base.deadline import Deadline
from tally.kafka.config import READS_ANY_RECORD
from tally.kafka.errors import AnyKafkaError, text_of
from tally.kafka.held_back import WatermarkClient
from tally.kafka.letting_go import ended_by
from tally.kafka.trouble import stays

_POLL_S: Final = 0.2
_AT_ONCE: Final = 2_000
_CLOSE_LIMIT_S: Final = 5.0
"""A reader is closed in milliseconds, also while a broker hangs (seen), and whoever read waits no longer than this."""
_NO_LIMITS: Final[Mapping[int, int]] = {}
_NO_TUNING: Final[Mapping[str, Any]] = {}


def _nobody(_partition: int, _end: int) -> None:
    """Who does not ask where partitions end."""


class RangeClient(Protocol):
    """What the loop needs of a client; `confluent_kafka.Consumer` has it."""

    def assign(self, partitions: list[TopicPartition], /) -> None:
        """Read these partitions from their offsets on, and no others."""

    def poll(self, timeout: float, /) -> Message | None:
        """Return the next record or event, or None after ``timeout`` seconds."""

    def consume(self, num_messages: int, timeout: float, /) -> list[Message]:
        """Return what is at hand, at most so many."""


class RangeError(Exception):
    """A partition was not read to its end; the message is a phrase for a person. See the module's list."""


class NotInTimeError(RangeError):
    """The time is over."""


class OutOfRangeError(RangeError):
    """The offset is not in the log."""


class TooLargeError(RangeError):
    """A batch that no client can decompress."""


class FailedError(RangeError):
    """``error`` is Kafka's."""

    def __init__(self, error: AnyKafkaError) -> None:
        super().__init__(text_of(error))
        self.error = error


class ReaderClient(RangeClient, WatermarkClient, Protocol):
    """A client that reads and is asked afterwards what it could not read."""


class OpenReader(Protocol):
    """`reader` is the real one."""

    def __call__(
        self, config: Mapping[str, Any], tuning: Mapping[str, Any] = ..., /
    ) -> AbstractContextManager[ReaderClient]:
        """Make a client, to be closed behind it."""


@contextmanager
def reader(config: Mapping[str, Any], tuning: Mapping[str, Any] = _NO_TUNING) -> Iterator[Consumer]:
    """Make a consumer of committed records that joins no group, and let it go behind the block, in _CLOSE_LIMIT_S at
    most. Raises FailedError when ``config`` is wrong."""
    try:
        consumer = Consumer(reader_config(config, tuning))
    except KafkaException as error:
        raise FailedError(error) from error
    try:
        yield consumer
    finally:
        ended_by(Deadline.after(_CLOSE_LIMIT_S), consumer.close)


def read_range(
    client: RangeClient,
    topic: str,
    starts: Mapping[int, int],
    *,
    until: Mapping[int, int] = _NO_LIMITS,
    past_the_end: bool = False,
    silence_s: float,
    limit_s: float = math.inf,
    at_once: int = _AT_ONCE,
    at_hand: bool = False,
    ended: Callable[[int, int], None] = _nobody,
) -> Iterator[list[Message]]:
    """Yield the committed records of ``starts`` (partition -> first offset), some at a time; raises RangeError.

    ``until``: by partition the offset before which it ends. ``past_the_end``: the end of the log ends nothing, so a
    partition is finished only when ``until`` is reached, be it by a marker of a transaction. ``silence_s``: how long
    nothing may come; ``limit_s``: in all. ``at_hand``: end where nothing more is at hand behind a first record.
    ``ended`` is told of each partition that was read to the end of its log, and the offset of that.
    """
    progress = _Progress(topic, starts, until, past_the_end, ended)
    began_s = heard_s = time.monotonic()
    came = False
    try:
        client.assign([TopicPartition(topic, partition, offset) for partition, offset in starts.items()])
        while progress.left:
            first = client.poll(0.0 if came and at_hand else _POLL_S)
            now_s = time.monotonic()
            if now_s - began_s > limit_s:
                raise progress.not_in_time(f"were not read to their ends within {limit_s:g} s")
            if first is None:
                if came and at_hand:
                    return
                if now_s - heard_s > silence_s:
                    raise progress.not_in_time(f"gave no record for {silence_s:g} s")
                continue
            following = client.consume(at_once - 1, 0) if at_once > 1 else []
            records, heard, end = progress.sort_out([first, *following])
            if records:
                came = True
                yield records
            if end is not None:
                raise end
            if heard:
                heard_s = time.monotonic()
    except KafkaException as error:
        raise FailedError(error) from error


class _Progress:
    """Which partitions are not read to their ends yet."""

    def __init__(
        self,
        topic: str,
        left: Iterable[int],
        until: Mapping[int, int],
        past_the_end: bool,
        ended: Callable[[int, int], None],
    ) -> None:
        self._topic, self._until, self._past_the_end, self._ended = topic, until, past_the_end, ended
        self.left = set(left)
        self._waited_out = ""

    def sort_out(self, messages: Iterable[Message]) -> tuple[list[Message], bool, RangeError | None]:
        """Return the records that are wanted, whether Kafka told anything but errors, and what ends the reading."""
        records: list[Message] = []
        heard = False
        for message in messages:
            error, partition, offset = message.error(), message.partition(), message.offset()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                if (end := self._end_by(error, partition)) is not None:
                    return records, heard, end
                self._waited_out = text_of(error)
                continue
            assert partition is not None
            assert offset is not None
            heard = True
            limit: float = self._until.get(partition, math.inf)
            if error is None and partition in self.left and offset < limit:
                records.append(message)
            # The event of the end has the offset behind it, a record its own.
            at_the_end = error is not None and not self._past_the_end
            if at_the_end and partition in self.left:
                self._ended(partition, offset)
            if at_the_end or offset + (error is None) >= limit:
                self.left.discard(partition)
        return records, heard, None

    def not_in_time(self, what: str) -> NotInTimeError:
        """Return the error with the partitions that are left and the last error that was waited out."""
        cause = f" ({self._waited_out})" if self._waited_out else ""
        return NotInTimeError(f"{self._topic} partitions {sorted(self.left)} {what}{cause}")

    def _end_by(self, error: KafkaError, partition: int | None) -> RangeError | None:
        where = f"{self._topic} partition {partition}"
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            return OutOfRangeError(f"{where}: {text_of(error)}")
        if error.code() == KafkaError._BAD_COMPRESSION:
            return TooLargeError(
                f"{where} has a batch that decompresses to more than 2 GiB, or to nothing: {error.str()}"
            )
        return FailedError(error) if stays(error) else None


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    """Return a record's headers; they are typed as a mapping or as pairs, and a consumer always gets pairs."""
    return cast("list[tuple[str, bytes | None]] | None", message.headers()) or []


_TUNING: Final[Mapping[str, Any]] = {
    # The end of a partition is told by a fetch that finds nothing. At the default such a fetch waits 500 ms, which
    # every start of a producer and every resolved outcome would wait too (0.6 s instead of 0.1 s seen).
    "fetch.wait.max.ms": 20,
}
_GUARANTEES: Final[Mapping[str, Any]] = {
    **READS_ANY_RECORD,
    "group.id": "tally-reader-without-group",  # librdkafka wants one; assign() never joins it
    "isolation.level": "read_committed",
    "check.crcs": True,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
}


def reader_config(config: Mapping[str, Any], tuning: Mapping[str, Any] = _NO_TUNING) -> dict[str, Any]:
    """Return the configuration of `reader`: ``config`` is what any client needs, ``tuning`` may change how it reads."""
    return {**config, **_GUARANTEES, **_TUNING, **tuning}
