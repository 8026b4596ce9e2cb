"""Warming the cache of known ids from the tail of the topic, read_committed.

Only records that count are taken, by the ledger's own verdict, and of those the ones of our schema id. Where an id
stands twice in the tail, the first one counts.
"""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Message, TopicPartition
from loguru import logger

from producer.core.idempotency import Known
from tally.base.framing import SchemaName
from tally.event.read_one import read_one
from tally.event.verdict import Poison, Sum, unknown_schema
from tally.kafka.columns import schema_header_at
from tally.kafka.read_range import RangeError, read_range, reader

_QUERY_LIMIT_S = 5.0


def tail_of(
    base: Mapping[str, Any], topic: str, partitions: int, schema_id: int, *, records_max: int, limit_s: float
) -> dict[bytes, Known]:
    """Return what is known of the ids in the last records, about ``records_max`` of them over all partitions.

    Takes ``limit_s`` seconds at most and returns what it has then. Raises KafkaException when no broker answers.
    """
    until_s = time.monotonic() + limit_s
    found: dict[bytes, Known] = {}
    try:
        with reader(base) as client:
            starts = {}
            for partition in range(partitions):
                low, high = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=_QUERY_LIMIT_S)
                starts[partition] = max(low, high - records_max // partitions)
            left_s = until_s - time.monotonic()
            for messages in read_range(client, topic, starts, silence_s=left_s, limit_s=left_s):
                for message in messages:
                    take_in(message, schema_id, partitions, found)
    except RangeError as error:
        logger.bind(error=str(error)).warning("the cache is warm in part only")
    return found


def take_in(message: Message, schema_id: int, partitions: int, found: dict[bytes, Known]) -> None:
    """Add what a record without an error tells."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    read = read_one(
        partition,
        message.key(),
        message.value(),
        schema_header_at([message], 0),
        partitions=partitions,
        own_schema_ids=frozenset({schema_id}),
        general=_not_asked_for,
    )
    if isinstance(read, Sum):
        found.setdefault(read.request_id, (read.a, read.b, offset))


def _not_asked_for(name: SchemaName, _body: bytes) -> Poison:
    """Leave records of other writers out: the cache saves work only, and a start waits for no look-up."""
    return unknown_schema(name)
