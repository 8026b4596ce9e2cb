"""Reading Kafka and the registry for the oracle: the topics, the group's offsets, the writers' schemas."""

import io
import json
import struct
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import fastavro
import httpx
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from oracle.facts import Committed, DeadLetter, TopicRecord
from oracle.waiting import until

REQUEST_S = 10.0
IDLE_S = 30.0
"""How long a partition may give nothing while its end is not reached."""


def _client(servers: str, isolation: str, group: str = "") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group or f"oracle-{uuid.uuid4()}",
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "check.crcs": True,
        }
    )


def partitions_of(servers: str, topic: str) -> int:
    """Return how many partitions a topic has."""
    client = _client(servers, "read_committed")
    try:
        return len(client.list_topics(topic, REQUEST_S).topics[topic].partitions)
    finally:
        client.close()


def wait_until_stable(servers: str, topic: str, timeout_s: float) -> None:
    """Return when no transaction is open: the last stable offset of each partition is its high watermark."""
    committed, uncommitted = _client(servers, "read_committed"), _client(servers, "read_uncommitted")
    partitions = [TopicPartition(topic, number) for number in range(partitions_of(servers, topic))]

    def open_transactions() -> list[int]:
        return [
            each.partition
            for each in partitions
            if committed.get_watermark_offsets(each, REQUEST_S) != uncommitted.get_watermark_offsets(each, REQUEST_S)
        ]

    try:
        until(
            lambda: not open_transactions(),
            timeout_s,
            f"no open transaction in {topic}",
            retry_on=(KafkaException,),
        )
    finally:
        committed.close()
        uncommitted.close()


def read_topic(servers: str, topic: str, isolation: str = "read_committed") -> dict[int, list[TopicRecord]]:
    """Return every record by partition, from the beginning to the end as it is now."""
    count = partitions_of(servers, topic)
    records: dict[int, list[TopicRecord]] = {partition: [] for partition in range(count)}
    client = _client(servers, isolation)
    try:
        client.assign([TopicPartition(topic, partition, 0) for partition in range(count)])
        at_end: set[int] = set()
        while len(at_end) < count:
            messages = client.consume(10_000, 1.0) or until(
                lambda: client.consume(10_000, 1.0), IDLE_S, f"the end of {topic}; reached: {sorted(at_end)}"
            )
            for message in messages:
                error = message.error()
                partition, offset = message.partition(), message.offset()
                assert partition is not None
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    at_end.add(partition)
                    continue
                assert error is None, f"{topic} partition {partition}: {error}"
                assert offset is not None
                records[partition].append(
                    TopicRecord(
                        partition=partition,
                        offset=offset,
                        key=message.key(),
                        value=message.value(),
                        timestamp_ms=message.timestamp()[1],
                    )
                )
    finally:
        client.close()
    return records


def read_committed_offsets(servers: str, topic: str, group: str) -> dict[int, Committed]:
    """Return what the group has committed, by partition; partitions without a commit are left out."""
    client = _client(servers, "read_committed", group)
    try:
        wanted = [TopicPartition(topic, partition) for partition in range(partitions_of(servers, topic))]
        found = client.committed(wanted, REQUEST_S)
    finally:
        client.close()
    return {
        each.partition: Committed(offset=each.offset, witness=_witness(each.metadata))
        for each in found
        if each.offset >= 0
    }


def read_schemas(registry_url: str, records: Iterable[TopicRecord]) -> dict[int, str]:
    """Return the text of every schema id that the records' frames name; denied ones are left out."""
    ids = {
        struct.unpack(">I", record.value[1:5])[0]
        for record in records
        if record.value is not None and len(record.value) >= 5 and record.value[0] == 0
    }
    texts = {schema_id: _schema_text(registry_url, schema_id) for schema_id in ids}
    return {schema_id: text for schema_id, text in texts.items() if text is not None}


def read_dead_letters(
    records: Mapping[int, Iterable[TopicRecord]], schemas: Mapping[int, str], source_topic: str
) -> list[DeadLetter]:
    """Return the dead letters of a source topic."""
    letters = []
    for some in records.values():
        for record in some:
            value = record.value or b""
            schema = fastavro.parse_schema(json.loads(schemas[struct.unpack(">I", value[1:5])[0]]))
            fields: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
            if fields["source_topic"] == source_topic:
                letters.append(
                    DeadLetter(
                        partition=record.partition,
                        offset=record.offset,
                        source_partition=fields["source_partition"],
                        source_offset=fields["source_offset"],
                        reason=fields["reason"],
                        key=fields["key"],
                        value=fields["value"],
                    )
                )
    return letters


def _schema_text(registry_url: str, schema_id: int) -> str | None:
    answer = httpx.get(f"{registry_url}/schemas/ids/{schema_id}", timeout=REQUEST_S)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    return str(answer.raise_for_status().json()["schema"])


def _witness(metadata: str | None) -> dict[str, Any] | None:
    try:
        body = json.loads(metadata or "")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
