"""Acceptance 9 and 11 on the real registry: services only read there, and Confluent's own serializers understand us."""

import datetime
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from common.framing import frame, unframe
from common.registry import SchemaRegistry
from contracts.generated.avro.sum_added import SumAdded
from contracts.generated.topics import SUMS
from stack import Stack
from tests_support.consumer_process import ConsumerProcess
from tests_support.producer_process import addition, producers
from tests_support.read_only_registry import read_only
from tests_support.waiting import eventually

VALUE = SerializationContext(SUMS.name, MessageField.VALUE)


def test_acceptance_09_services_without_write_permission_on_the_registry_work(
    kafka_stack: Stack, tmp_path: Path
) -> None:
    """An addition is counted while producer and consumer may only read, and neither even tries to write."""
    with read_only(kafka_stack.registry_url) as door, producers(kafka_stack, tmp_path) as started:
        producer = started.start(registry_url=door.url).wait_ready()
        request = addition()
        assert producer.service.Add(request, timeout=30).sum == "42.5"
        kafka = kafka_stack.bootstrap_servers
        environment = {"TALLY_KAFKA_BOOTSTRAP_SERVERS": kafka, "TALLY_REGISTRY_URL": door.url}
        consumer = ConsumerProcess(tmp_path, tmp_path / "data", f"reader-{uuid.uuid4().hex[:8]}", environment)
        try:
            path = f"/v1/requests/{request.request_id}"
            wait = (OSError, AssertionError)  # it does not listen yet; it did not count it yet
            eventually(lambda: consumer.get(path)["sum"] == "42.5", 60, "the addition is counted", retry_on=wait)
        finally:
            consumer.end()
    assert door.asked, "the services went by the door"
    assert door.writes == []


def _sum() -> SumAdded:
    now = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    return SumAdded(request_id=uuid.UUID(int=7), a=Decimal("-2.000000001"), b=Decimal(3), sum=Decimal(1), added_at=now)


def _plain(record: SumAdded) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("request_id", "a", "b", "sum", "added_at")}


def test_acceptance_11_confluent_s_deserializer_reads_ours(kafka_stack: Stack) -> None:
    schema_id = SchemaRegistry(kafka_stack.registry_url).lookup(SUMS.subject, SUMS.schema)
    read = AvroDeserializer(SchemaRegistryClient({"url": kafka_stack.registry_url}))
    found: Any = read(frame(schema_id) + _sum().encode(), VALUE)
    assert {name: _uuid(value) if name == "request_id" else value for name, value in found.items()} == _plain(_sum())


def test_acceptance_11_we_read_the_output_of_confluent_s_serializer(kafka_stack: Stack) -> None:
    client = SchemaRegistryClient({"url": kafka_stack.registry_url})
    write = AvroSerializer(client, SumAdded.SCHEMA, conf={"auto.register.schemas": False})
    fields = {**_plain(_sum()), "request_id": _sum().request_id.bytes}  # fastavro takes a fixed of 16 bytes as bytes
    value = write(fields, VALUE)
    assert value is not None
    schema_id, body = unframe(value)
    registry = SchemaRegistry(kafka_stack.registry_url)
    assert registry.schema(schema_id).fingerprint == SUMS.fingerprint
    assert SumAdded.decode(body) == _sum()


def _uuid(value: object) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=bytes(value))  # type: ignore[call-overload]
