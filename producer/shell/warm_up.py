"""Warming the cache of known ids from the tail of the topic, read_committed.

Only records that count are taken: framed with our schema id, of our width, in their id's partition, under their id's
key, with a sum that is right. Where an id stands twice in the tail, the first one counts.
"""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from contracts.generated.avro.sum_added import SumAdded
from producer.core.idempotency import Known
from producer.shell.read_back import reader_config
from tally.base import framing
from tally.event import decimals
from tally.event.partitions import partition_of

_VALUE_BYTES = framing.FRAME_BYTES + SumAdded.WIDTH
_QUERY_LIMIT_S = 5.0
_POLL_S = 0.05
_MESSAGES_MAX = 10_000


def tail_of(
    base: Mapping[str, Any], topic: str, partitions: int, schema_id: int, *, records_max: int, limit_s: float
) -> dict[bytes, Known]:
    """Return what is known of the ids in the last records, about ``records_max`` of them over all partitions.

    Takes ``limit_s`` seconds at most and returns what it has then. Raises KafkaException when no broker answers.
    """
    until_s = time.monotonic() + limit_s
    frame = framing.frame(schema_id)
    found: dict[bytes, Known] = {}
    consumer = Consumer({**reader_config(base), "auto.offset.reset": "earliest"})
    try:
        starts = []
        for partition in range(partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_QUERY_LIMIT_S)
            starts.append(TopicPartition(topic, partition, max(low, high - records_max // partitions)))
        consumer.assign(starts)
        reading = set(range(partitions))
        while reading and time.monotonic() < until_s:
            for message in consumer.consume(_MESSAGES_MAX, _POLL_S):
                error = message.error()
                if error is None:
                    _take_in(message, frame, partitions, found)
                elif error.code() == KafkaError._PARTITION_EOF:
                    reading.discard(message.partition() or 0)
    finally:
        consumer.close()
    return found


def _take_in(message: Message, frame: bytes, partitions: int, found: dict[bytes, Known]) -> None:
    value, key, offset = message.value(), message.key(), message.offset()
    if not isinstance(value, bytes) or len(value) != _VALUE_BYTES or value[: framing.FRAME_BYTES] != frame:
        return
    body = value[framing.FRAME_BYTES :]
    request_id = body[:16]
    a, b, total = (int.from_bytes(body[start : start + 16], "big", signed=True) for start in (16, 32, 48))
    counts = (
        key == request_id
        and message.partition() == partition_of(request_id, partitions)
        and total == a + b
        and all(map(decimals.in_range, (a, b, total)))
    )
    if counts and offset is not None:
        found.setdefault(request_id, (a, b, offset))
