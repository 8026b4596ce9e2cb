"""Readers of the real registry: services never write there, and Confluent's own serializers understand us."""

import datetime
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from oracle.kafka_reading import read_topic
from stack import Stack
from tally.base.fingerprint import fingerprint_of
from tally.base.framing import frame, unframe
from tally.event.partitions import partition_of
from tally.generated.avro.dead_letter import DeadLetter
from tally.generated.avro.sum_added import SumAdded
from tally.generated.topics import SUMS, SUMS_DLT
from tally.registry.lookup import SchemaRegistry
from tests_support.consumer.process import ConsumerProcess
from tests_support.producer.process import addition, producers
from tests_support.registries.read_only import read_only
from tests_support.waiting import eventually

VALUE = SerializationContext(SUMS.name, MessageField.VALUE)


def test_services_without_write_permission_on_the_registry_work(kafka_stack: Stack, tmp_path: Path) -> None:
    """An addition is counted while producer and consumer may only read, and neither even tries to write."""
    with read_only(kafka_stack.registry_url) as proxy, producers(kafka_stack, tmp_path) as started:
        producer = started.start(registry_url=proxy.url).wait_ready()
        request = addition()
        assert producer.service.Add(request, timeout=30).sum == "42.5"
        kafka = kafka_stack.bootstrap_servers
        environment = {"TALLY_KAFKA_BOOTSTRAP_SERVERS": kafka, "TALLY_REGISTRY_URL": proxy.url}
        consumer = ConsumerProcess(tmp_path, tmp_path / "data", f"reader-{uuid.uuid4().hex[:8]}", environment)
        try:
            path = f"/v1/requests/{request.request_id}"
            wait = (OSError, AssertionError)  # it does not listen yet; it did not count it yet
            eventually(lambda: consumer.get(path)["sum"] == "42.5", 60, "the addition is counted", retry_on=wait)
        finally:
            consumer.end()
    assert proxy.asked, "the services went by the proxy"
    assert proxy.writes == []


def _sum() -> SumAdded:
    now = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    return SumAdded(request_id=uuid.UUID(int=7), a=Decimal("-2.000000001"), b=Decimal(3), sum=Decimal(1), added_at=now)


def _plain(record: SumAdded) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("request_id", "a", "b", "sum", "added_at")}


def test_confluent_s_deserializer_reads_ours(kafka_stack: Stack) -> None:
    """Confluent's deserializer reads our framed record with equal fields."""
    schema_id = SchemaRegistry(kafka_stack.registry_url).lookup(SUMS.subject, SUMS.schema)
    read = AvroDeserializer(SchemaRegistryClient({"url": kafka_stack.registry_url}))
    found: Any = read(frame(schema_id) + _sum().encode(), VALUE)
    assert {name: _uuid(value) if name == "request_id" else value for name, value in found.items()} == _plain(_sum())


def test_we_read_the_output_of_confluent_s_serializer(kafka_stack: Stack) -> None:
    """A record that Confluent's serializer wrote decodes to the same fields, by the id in its frame."""
    client = SchemaRegistryClient({"url": kafka_stack.registry_url})
    write = AvroSerializer(client, SumAdded.SCHEMA, conf={"auto.register.schemas": False})
    fields = {**_plain(_sum()), "request_id": _sum().request_id.bytes}  # fastavro takes a fixed of 16 bytes as bytes
    value = write(fields, VALUE)
    assert value is not None
    schema_id, body = unframe(value)
    registry = SchemaRegistry(kafka_stack.registry_url)
    assert fingerprint_of(registry.schema(schema_id)) == SUMS.fingerprint
    assert SumAdded.decode(body) == _sum()


def test_a_schema_that_a_header_names_by_guid_is_read(kafka_stack: Stack, tmp_path: Path) -> None:
    """A record whose header names its schema by GUID is counted, and one with an unknown GUID is poison."""
    with read_only(kafka_stack.registry_url, with_guids=True) as proxy:
        conf = {"auto.register.schemas": False, "schema.id.serializer": header_schema_id_serializer}
        write = AvroSerializer(SchemaRegistryClient({"url": proxy.url}), SumAdded.SCHEMA, conf=conf)
        request_id, stranger = uuid.uuid4(), uuid.uuid4()
        headers: list[tuple[str, str | bytes | None]] = []
        fields = {**_plain(_sum()), "request_id": request_id.bytes, "sum": Decimal("0.999999999")}
        body = write(fields, SerializationContext(SUMS.name, MessageField.VALUE, headers))
        assert body is not None
        [(name, guid)] = headers
        assert name == "__value_schema_id"
        assert isinstance(guid, bytes)
        assert guid[:1] == b"\x01"
        kafka = kafka_stack.bootstrap_servers
        producer = Producer({"bootstrap.servers": kafka})
        for one, its in ((request_id, headers), (stranger, [("__value_schema_id", b"\x01" + bytes(16))])):
            place = partition_of(one.bytes, SUMS.partitions)
            producer.produce(SUMS.name, key=one.bytes, value=body, partition=place, headers=list(its))
        assert producer.flush(20) == 0
        environment = {
            "TALLY_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "TALLY_REGISTRY_URL": proxy.url,
            "TALLY_CONSUMER_SCHEMA_DENIALS_MS": "500",
        }
        replica, place = f"reader-{uuid.uuid4().hex[:8]}", partition_of(request_id.bytes, SUMS.partitions)
        consumer = ConsumerProcess(tmp_path, tmp_path / "data", replica, environment)
        try:
            wait = (OSError, AssertionError)  # it does not listen yet; it did not count it yet
            counted = f"/v1/requests/{request_id}"
            eventually(lambda: consumer.get(counted)["sum"] == "0.999999999", 60, "it is counted", retry_on=wait)
            eventually(lambda: stranger.bytes in _unknown(kafka), 60, "the other one is a dead letter")
            assert _unknown(kafka)[stranger.bytes] == (None, str(uuid.UUID(int=0)))
        finally:
            consumer.end()
        # Recovery compares the ledger's last record with the topic's, and needs its schema for that.
        again = ConsumerProcess(tmp_path, tmp_path / "data", replica, environment)
        try:
            again.wait_ready().wait_state(place, "RUNNING")
        finally:
            again.end()


def _unknown(kafka: str) -> dict[bytes | None, tuple[int | None, str | None]]:
    """Return what named the schema, id or GUID, of each record whose schema nobody knows, by key."""
    letters = [letter for some in read_topic(kafka, SUMS_DLT.name).values() for letter in some]
    dead = [DeadLetter.decode(unframe(letter.value or b"")[1]) for letter in letters]
    unknown = (letter for letter in dead if letter.reason.name == "UNKNOWN_SCHEMA")
    return {letter.key: (letter.schema_id, letter.schema_guid) for letter in unknown}


def _uuid(value: object) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=bytes(value))  # type: ignore[call-overload]
