"""A foreign writer: raw records on the sums topic, honest or not."""

import json
import urllib.request
import uuid
from collections.abc import Sequence

from confluent_kafka import Message, Producer

from oracle.decoding import partition_of
from oracle.facts import TopicRecord
from oracle.reading import System
from tests_support import planting

FRAME_BYTES = 5


def schema_id_of(system: System, subject: str = "tally.sums.v1-value") -> int:
    """Return the registry's id of a subject's latest schema."""
    url = f"{system.registry_url}/subjects/{subject}/versions/latest"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(json.loads(answer.read())["id"])


def write(system: System, records: Sequence[TopicRecord]) -> list[int]:
    """Produce records as they are, without a transaction; their offsets are given by Kafka and returned."""
    offsets: list[int] = []

    def delivered(error: object, message: Message) -> None:
        assert error is None, error
        offset = message.offset()
        assert offset is not None
        offsets.append(offset)

    producer = Producer({"bootstrap.servers": system.kafka, "acks": "all", "linger.ms": 0})
    for record in records:
        producer.produce(
            system.topic, key=record.key, value=record.value, partition=record.partition, on_delivery=delivered
        )
        assert producer.flush(10) == 0, "not delivered in 10 s"
    return offsets


def repeat(system: System, pairs: Sequence[tuple[str, str, str]], schema_id: int) -> None:
    """Write additions (request id, a, b) as another producer would that never saw them: honest, perhaps repeated."""
    frame = b"\x00" + schema_id.to_bytes(4, "big")
    records = []
    for text, a, b in pairs:
        request_id = uuid.UUID(text)
        body = planting.value_of(request_id, a, b)[FRAME_BYTES:]
        partition = partition_of(request_id.bytes, planting.PARTITIONS)
        records.append(TopicRecord(partition=partition, offset=0, key=request_id.bytes, value=frame + body))
    write(system, records)
