"""Reading records again, outside the group: the anchor, poison that waits, what the dead letters claim.

Each reader is a consumer of its own that lives for one question; it is in no group and commits nothing.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from common.kafka_config import READS_ANY_RECORD
from common.offsets import runs
from consumer.core.claims import Claim, claim_of
from consumer.core.event import Fetched
from consumer.shell.columns import schema_header
from consumer.shell.kafka_errors import KafkaTroubleError, text_of

_BATCH = 2_000
_POLL_S = 0.2


class RecordReader:
    """Reads committed records of one topic. Safe from several threads: every question has its own consumer."""

    def __init__(self, shared: Mapping[str, str], topic: str, timeout_s: float) -> None:
        """``timeout_s`` is the longest wait without any record."""
        self._shared = shared
        self._topic = topic
        self._timeout_s = timeout_s

    def records_at(self, partition: int, offsets: list[int]) -> Fetched:
        """Return the records at these offsets (increasing) that exist, without the others. Raises KafkaTroubleError.

        Reads everything between two offsets that are near each other and jumps over what lies further apart.
        """
        found: list[Message] = []
        for run in runs(offsets, _BATCH):
            wanted = set(run)
            for message in self._from(partition, run[0]):
                offset = _offset(message)
                if offset in wanted:
                    found.append(message)
                if offset >= run[-1]:
                    break
        return Fetched(
            partition=partition,
            offsets=np.array([_offset(message) for message in found], np.int64),
            timestamps_ms=np.array([message.timestamp()[1] for message in found], np.int64),
            keys=[message.key() for message in found],
            values=[message.value() for message in found],
            schema_header=partial(schema_header, found),
        )

    def claims(self, partition: int, topic_id: str, start: int, below: int) -> dict[int, tuple[Claim, ...]]:
        """Return what the dead letters of a partition of that topic id claim, by source offsets ``below`` a limit.

        ``start``: where the dead-letter topic's log begins; librdkafka takes half a second to find out (seen).
        """
        claims: dict[int, tuple[Claim, ...]] = {}
        for message in self._from(partition, start):
            said = claim_of(message.headers(), message.value(), topic_id, partition)
            if said is not None and said[0] < below:
                before = claims.get(said[0], ())
                claims[said[0]] = before if said[1] in before else (*before, said[1])
        return claims

    def _from(self, partition: int, offset: int) -> Iterator[Message]:
        """Yield the records from an offset to the last stable offset; none when the offset is outside the log."""
        with self._consumer() as consumer:
            consumer.assign([TopicPartition(self._topic, partition, offset)])
            deadline = time.monotonic() + self._timeout_s
            while time.monotonic() < deadline:
                first = consumer.poll(_POLL_S)  # consume(n, t) alone would wait the whole t for n records
                for message in [] if first is None else [first, *consumer.consume(_BATCH, 0)]:
                    error = message.error()
                    if error is None:
                        yield message
                        deadline = time.monotonic() + self._timeout_s
                    elif error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
                        return
                    elif not error.retriable():
                        raise KafkaTroubleError(f"{self._topic} partition {partition} cannot be read: {text_of(error)}")
            raise KafkaTroubleError(f"{self._topic} partition {partition} gave no record for {self._timeout_s} s")

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        try:
            consumer = Consumer(
                {
                    **self._shared,
                    **READS_ANY_RECORD,
                    "group.id": "tally-reader-without-group",  # librdkafka wants one; assign() never joins it
                    "isolation.level": "read_committed",
                    "check.crcs": True,
                    "enable.auto.commit": False,
                    "auto.offset.reset": "error",
                    "enable.partition.eof": True,
                    "queued.max.messages.kbytes": 16_384,
                    "fetch.wait.max.ms": 20,
                }
            )
        except KafkaException as error:
            raise KafkaTroubleError(f"no consumer for {self._topic}: {text_of(error)}") from error
        try:
            yield consumer
        finally:
            consumer.close()


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None, "a record from a broker has an offset"
    return offset
