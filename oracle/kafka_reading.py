"""Reading Kafka and the registry for the oracle: the topics, the group's offsets, the writers' schemas."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import httpx
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from oracle.asking import REQUEST_S, get
from oracle.decoding import written_by
from oracle.facts import Committed, Schemas, TopicRecord
from oracle.waiting import until

LARGEST_ANSWER = 2_147_483_647
"""The most that a client accepts, also of what a batch decompresses to: no record fails for being large."""
IDLE_S = 30.0
"""How long partitions may return nothing while their ends have not been reached."""


Kafka = str | Mapping[str, str]
"""Where Kafka is: host:port, separated by commas, or the properties of a client."""


class UnreadableError(Exception):
    """Something that the oracle must read could not be read; the message says what, and where."""


def partitions_of(kafka: Kafka, topic: str) -> int:
    """Return the number of partitions of a topic. Raises UnreadableError."""
    client = _client(kafka, "read_committed")
    try:
        found = client.list_topics(topic, REQUEST_S).topics.get(topic)
    except KafkaException as error:
        raise UnreadableError(f"Kafka does not answer at {_servers(kafka)}: {error.args[0].str()}") from error
    finally:
        client.close()
    if found is None or found.error is not None:
        said = "it is not listed" if found is None or found.error is None else found.error.str()
        raise UnreadableError(f"Kafka at {_servers(kafka)} has no topic {topic}: {said}")
    return len(found.partitions)


def wait_until_stable(kafka: Kafka, topic: str, timeout_s: float) -> None:
    """Wait until no transaction is open: the last stable offset of each partition is its high watermark."""
    committed, uncommitted = _client(kafka, "read_committed"), _client(kafka, "read_uncommitted")
    partitions = [TopicPartition(topic, number) for number in range(partitions_of(kafka, topic))]

    def open_transactions() -> list[int]:
        return [
            each.partition
            for each in partitions
            if committed.get_watermark_offsets(each, REQUEST_S) != uncommitted.get_watermark_offsets(each, REQUEST_S)
        ]

    try:
        until(lambda: not open_transactions(), timeout_s, f"no open transaction in {topic}", (KafkaException,))
    finally:
        committed.close()
        uncommitted.close()


def read_topic_id(kafka: Kafka, topic: str) -> str:
    """Return Kafka's id of a topic, which a new topic of the same name does not share. Raises UnreadableError."""
    config = {"bootstrap.servers": kafka} if isinstance(kafka, str) else dict(kafka)
    admin = AdminClient({**config, "log_level": 2})
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_S)
    try:
        return str(asked[topic].result(REQUEST_S).topic_id)
    except (KafkaException, TimeoutError) as error:
        raise UnreadableError(f"Kafka at {_servers(kafka)} does not return the id of topic {topic}: {error}") from error


def read_log_starts(kafka: Kafka, topic: str) -> dict[int, int]:
    """Return the first offset that each partition still has. Raises UnreadableError."""
    count = partitions_of(kafka, topic)
    client = _client(kafka, "read_committed")
    try:
        return {p: client.get_watermark_offsets(TopicPartition(topic, p), REQUEST_S)[0] for p in range(count)}
    except KafkaException as error:
        said = f"Kafka at {_servers(kafka)} does not return where {topic} begins: {error.args[0].str()}"
        raise UnreadableError(said) from error
    finally:
        client.close()


def read_topic(kafka: Kafka, topic: str, isolation: str = "read_committed") -> dict[int, list[TopicRecord]]:
    """Return every record by partition, from the beginning to the end as it is now. Raises UnreadableError."""
    count = partitions_of(kafka, topic)
    records: dict[int, list[TopicRecord]] = {partition: [] for partition in range(count)}
    for partition, offset, message in _messages(kafka, topic, isolation, count):
        records[partition].append(
            TopicRecord(
                partition=partition,
                offset=offset,
                key=_bytes(message.key()),
                value=_bytes(message.value()),
                timestamp_ms=message.timestamp()[1],
                schema_header=_header(message, "__value_schema_id"),
                source_digest=_header(message, "source-digest"),
            )
        )
    return records


def read_offsets(kafka: Kafka, topic: str, isolation: str) -> dict[int, list[int]]:
    """Return the offset of every record by partition, read as ``read_topic`` reads."""
    count = partitions_of(kafka, topic)
    offsets: dict[int, list[int]] = {partition: [] for partition in range(count)}
    for partition, offset, _ in _messages(kafka, topic, isolation, count):
        offsets[partition].append(offset)
    return offsets


def _messages(kafka: Kafka, topic: str, isolation: str, count: int) -> Iterator[tuple[int, int, Message]]:
    client = _client(kafka, isolation)
    try:
        client.assign([TopicPartition(topic, partition, 0) for partition in range(count)])
        at_end: set[int] = set()
        while len(at_end) < count:
            messages = client.consume(10_000, 1.0) or until(
                lambda: client.consume(10_000, 1.0), IDLE_S, f"the end of {topic}; reached: {sorted(at_end)}"
            )
            for message in messages:
                error, partition, offset = message.error(), message.partition(), message.offset()
                assert partition is not None
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    at_end.add(partition)
                    continue
                if error is not None:
                    raise UnreadableError(f"{topic} partition {partition}: {error.str()}")
                assert offset is not None
                yield partition, offset, message
    finally:
        client.close()


def _client(kafka: Kafka, isolation: str, group: str = "") -> Consumer:
    return Consumer(
        {
            **({"bootstrap.servers": kafka} if isinstance(kafka, str) else kafka),
            "group.id": group or f"oracle-{uuid.uuid4()}",
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "check.crcs": True,
            "receive.message.max.bytes": LARGEST_ANSWER,
            "log_level": 2,  # an exception says what goes wrong
        }
    )


def _servers(kafka: Kafka) -> str:
    return kafka if isinstance(kafka, str) else kafka["bootstrap.servers"]


def _header(message: Message, wanted: str) -> bytes | None:
    """Return the value of the first header with a name."""
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return next((value for name, value in headers if name == wanted and value is not None), None)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def read_committed_offsets(kafka: Kafka, topic: str, group: str) -> dict[int, Committed]:
    """Return what the group has committed, by partition; partitions without a commit are left out.

    They are read without read_committed, which would wait for the end of a transaction that has offsets, even if its
    owner is dead. Raises UnreadableError.
    """
    client = _client(kafka, "read_uncommitted", group)
    try:
        wanted = [TopicPartition(topic, partition) for partition in range(partitions_of(kafka, topic))]
        found = client.committed(wanted, REQUEST_S)
    except KafkaException as error:
        said = f"Kafka at {_servers(kafka)} does not return what {group} has committed: {error.args[0].str()}"
        raise UnreadableError(said) from error
    finally:
        client.close()
    return {
        each.partition: Committed(offset=each.offset, witness=_witness(each.metadata))
        for each in found
        if each.offset >= 0
    }


def read_schemas(registry_url: str, headers: Mapping[str, str], records: Iterable[TopicRecord]) -> Schemas:
    """Return the text of each schema that records name, but those that the registry does not know.

    Raises UnreadableError.
    """
    names = {framed[0] for framed in map(written_by, records) if framed is not None}
    texts = {name: _schema_text(registry_url, headers, name) for name in names}
    return {name: text for name, text in texts.items() if text is not None}


def _schema_text(registry_url: str, headers: Mapping[str, str], name: int | bytes) -> str | None:
    place = f"ids/{name}" if isinstance(name, int) else f"guids/{uuid.UUID(bytes=name)}"
    url = f"{registry_url}/schemas/{place}"
    try:
        answer = get(url, headers)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(answer.raise_for_status().json()["schema"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableError(f"schema {name!r} cannot be read from the registry at {url}: {error}") from error


def _witness(metadata: str | None) -> dict[str, Any] | None:
    try:
        body = json.loads(metadata or "")
    except (ValueError, RecursionError):  # anybody who may commit writes it
        return None
    return body if isinstance(body, dict) else None
