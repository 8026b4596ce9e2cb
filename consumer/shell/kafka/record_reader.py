"""Reading records again, outside the group: the anchor, poison that waits, what the dead letters claim.

Each reader is a consumer of its own that lives for one question; it is in no group and commits nothing.
"""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from confluent_kafka import Message

from tally.base.offsets import runs
from tally.event.claims import Claim, claim_of
from tally.event.classify import Fetched
from tally.kafka.columns import schema_header_at
from tally.kafka.held_back import held_back
from tally.kafka.read_range import (
    FailedError,
    NotInTimeError,
    OpenReader,
    OutOfRangeError,
    TooLargeError,
    read_range,
    reader,
)
from tally.kafka.transactions_tool import TopicAddress, ends_transaction
from tally.kafka.trouble import KafkaTroubleError, OpenTransactionError, TooLargeAloneError, trouble

_BATCH = 2_000
_CHUNK_BYTES: Final = 16 * 1024 * 1024
_USUAL: Final[Mapping[str, Any]] = {"queued.max.messages.kbytes": 16_384}
_ONE_BATCH: Final[Mapping[str, Any]] = {
    # Kafka gives one batch at least, whatever it is asked for, and nothing is fetched ahead of what is taken.
    "fetch.message.max.bytes": 1,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1,
}


class RecordReader:
    """Reads committed records of one topic. Safe from several threads: every question has its own consumer."""

    def __init__(
        self, shared: Mapping[str, str], topic: str, timeout_s: float, open_reader: OpenReader = reader
    ) -> None:
        """``timeout_s`` is the longest wait without any record."""
        self._shared = shared
        self._topic = topic
        self._timeout_s = timeout_s
        self._open_reader = open_reader

    def records_at(self, partition: int, offsets: list[int]) -> Iterator[Fetched]:
        """Yield the records at these offsets (increasing) that exist, some at a time. Raises KafkaTroubleError.

        Reads everything between two offsets that are near each other and jumps over what lies further apart. Of what
        was yielded nothing is kept, so that large records need not fit into memory together.
        """
        found: list[Message] = []
        size_bytes = 0
        for run in runs(offsets, _BATCH):
            wanted = set(run)
            for message in self._from(partition, run[0], below=run[-1] + 1):
                if _offset(message) in wanted:
                    found.append(message)
                    size_bytes += _size_of(message)
                    if size_bytes >= _CHUNK_BYTES:
                        yield _fetched(partition, found)
                        found, size_bytes = [], 0
        if found:
            yield _fetched(partition, found)

    def next_alone(self, partition: int, offset: int) -> Fetched:
        """Return records from an offset on, of one batch, however large it is, and at most about _CHUNK_BYTES of them.

        Raises TooLargeAloneError, KafkaTroubleError.
        """
        found: list[Message] = []
        size_bytes = 0
        for message in self._from(partition, offset, tuning=_ONE_BATCH, one_at_a_time=True):
            if found and size_bytes + _size_of(message) > _CHUNK_BYTES:
                break
            found.append(message)
            size_bytes += _size_of(message)
            if size_bytes >= _CHUNK_BYTES or len(found) >= _BATCH:
                break
        return _fetched(partition, found)

    def claims(self, partition: int, topic_id: str, start: int, below: int) -> dict[int, tuple[Claim, ...]]:
        """Return what the dead letters of a partition of that topic id claim, by source offsets ``below`` a limit.

        All that were ever committed: a letter that an open transaction holds back is an OpenTransactionError.
        ``start``: where the dead-letter topic's log begins; librdkafka takes half a second to find out (seen).
        """
        claims: dict[int, tuple[Claim, ...]] = {}
        for message in self._from(partition, start, all_of_it=True):
            said = claim_of(message.headers(), message.value(), topic_id, partition)
            if said is not None and said[0] < below:
                before = claims.get(said[0], ())
                claims[said[0]] = before if said[1] in before else (*before, said[1])
        return claims

    def _from(
        self,
        partition: int,
        offset: int,
        *,
        below: float = math.inf,
        tuning: Mapping[str, Any] = _USUAL,
        one_at_a_time: bool = False,
        all_of_it: bool = False,
    ) -> Iterator[Message]:
        """Yield the records from an offset to the last stable offset; none when the offset is outside the log.

        ``one_at_a_time``: end where nothing more is at hand. ``all_of_it``: raise OpenTransactionError if there are
        records behind the last stable offset.
        """
        ends: dict[int, int] = {}
        until = {} if below == math.inf else {partition: int(below)}
        at_once = 1 if one_at_a_time else _BATCH
        try:
            with self._open_reader(self._shared, tuning) as client:
                for messages in read_range(
                    client,
                    self._topic,
                    {partition: offset},
                    until=until,
                    silence_s=self._timeout_s,
                    at_once=at_once,
                    at_hand=one_at_a_time,
                    ended=ends.__setitem__,
                ):
                    yield from messages
                held = held_back(client, self._topic, ends) if all_of_it else []
        except OutOfRangeError:
            return
        except TooLargeError as error:
            raise TooLargeAloneError(f"{error}, at or behind offset {offset}") from error
        except FailedError as error:
            raise trouble(f"{self._topic} partition {partition} cannot be read", error.error) from error
        except NotInTimeError as error:
            raise KafkaTroubleError(str(error)) from error
        if held:
            address = TopicAddress(self._topic, self._shared.get("bootstrap.servers", ""))
            raise OpenTransactionError(
                f"{self._topic} partition {partition} cannot be read from offset {held[0].offset} on before a "
                f"transaction that is open there ends",
                f"{ends_transaction(address, partition)}.",
            )


def _fetched(partition: int, found: list[Message]) -> Fetched:
    return Fetched(
        partition=partition,
        offsets=np.array([_offset(message) for message in found], np.int64),
        timestamps_ms=np.array([message.timestamp()[1] for message in found], np.int64),
        keys=[message.key() for message in found],
        values=[message.value() for message in found],
        schema_header=partial(schema_header_at, found),
    )


def _size_of(message: Message) -> int:
    return sum(len(part) for part in (message.key(), message.value()) if part is not None)


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None, "a record from a broker has an offset"
    return offset
