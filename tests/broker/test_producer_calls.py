"""Calls of a running producer on a real broker."""

import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from stack import Stack
from tally.client.columns import ROWS_MAX
from tally.event.decimals import UNIT
from tally.event.partitions import partition_of
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.blocking_stub import BlockingStub
from tests_support.producer.process import (
    PARTITIONS,
    SERVICE,
    ProducerFactory,
    ProducerProcess,
    addition,
    committed,
    outcome_of,
    producers,
)
from tests_support.running.stacks import temporary_folder


@pytest.fixture(scope="module")
def factory(kafka_stack: Stack) -> Iterator[ProducerFactory]:
    """Producers beside the shared Kafka."""
    with temporary_folder() as folder, producers(kafka_stack, folder) as made:
        yield made


@pytest.fixture(scope="module")
def producer(factory: ProducerFactory) -> ProducerProcess:
    """One producer for the calls that harm nothing."""
    return factory.start().wait_ready()


@pytest.fixture
def stub(producer: ProducerProcess) -> BlockingStub:
    """Its service."""
    return producer.service


def test_ok_means_committed_at_the_answered_place(kafka_stack: Stack, stub: BlockingStub) -> None:
    """An independent read_committed reader finds the record there, under the id's bytes, in the id's partition."""
    asked = addition("2", "40.5")
    answer = stub.Add(asked)
    key = uuid.UUID(asked.request_id).bytes
    assert (answer.request_id, answer.sum, answer.duplicate) == (asked.request_id, "42.5", False)
    assert answer.position.partition == partition_of(key, PARTITIONS)
    places = [(p, offset) for p, offset, k, _ in committed(kafka_stack.bootstrap_servers) if k == key]
    assert places == [(answer.position.partition, answer.position.offset)]


def test_a_retry_is_a_duplicate_at_the_same_place(kafka_stack: Stack, stub: BlockingStub) -> None:
    """Called again, in another form of the same numbers, it answers the first place; no second record is made."""
    asked = addition("2", "40.5")
    first = stub.Add(asked)
    again = stub.Add(addition("2.000", "40.50", asked.request_id.upper()))
    assert again.duplicate
    assert (again.request_id, again.position, again.sum) == (first.request_id, first.position, first.sum)
    keys = [key for _, _, key, _ in committed(kafka_stack.bootstrap_servers)]
    assert keys.count(uuid.UUID(asked.request_id).bytes) == 1


def test_other_operands_are_already_exists(stub: BlockingStub) -> None:
    """A known id with other operands is refused with ALREADY_EXISTS and a reason in ErrorInfo."""
    asked = addition("2", "40.5")
    stub.Add(asked)
    with pytest.raises(grpc.RpcError) as refused:
        stub.Add(addition("2", "40.6", asked.request_id))
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert outcome_of(refused.value) == ("REQUEST_ID_REUSED", "not-committed", None)


def test_a_restarted_producer_knows_the_tail_of_the_topic(factory: ProducerFactory) -> None:
    """The cache is warmed: a retry after a restart is answered as a duplicate, and other operands are refused."""
    one = factory.start().wait_ready()
    asked = addition("1", "2")
    first = one.service.Add(asked)
    one.process.kill()
    stub = one.restart().wait_ready().service
    again = stub.Add(asked)
    assert again.duplicate
    assert again.position == first.position
    with pytest.raises(grpc.RpcError) as refused:
        stub.Add(addition("1", "3", asked.request_id))
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_a_batch_is_answered_in_order_with_a_status_each(stub: BlockingStub) -> None:
    """A thousand additions, a bad one and a duplicate among them, are each told what became of them."""
    additions = [addition(str(n), "0.5") for n in range(1000)]
    additions[10].a = "1e3"
    additions[20].CopyFrom(additions[5])
    answer = stub.AddBatch(tally_pb2.AddBatchRequest(additions=additions))
    assert [result.status.code for result in answer.results] == [0] * 10 + [3] + [0] * 989
    assert answer.results[20].response.duplicate
    assert answer.results[20].response.position == answer.results[5].response.position
    assert [result.response.sum for result in answer.results][100:103] == ["100.5", "101.5", "102.5"]
    positions = [each.response.position for each in answer.results if each.status.code == 0]
    assert len({(position.partition, position.offset) for position in positions}) == 998, "one for each distinct id"


def test_columns_are_committed_at_the_answered_places(kafka_stack: Stack, stub: BlockingStub) -> None:
    """Ten thousand rows are in the log at the answered places, with the answered sums; a bad one is not."""
    rows = ROWS_MAX
    numbers = np.arange(rows)
    ids = uuid.uuid4().bytes[:12]
    request = tally_pb2.AddColumnsRequest(
        request_ids=b"".join(ids + int(number).to_bytes(4, "big") for number in numbers),
        a=b"".join((int(number) * UNIT).to_bytes(16, "big") for number in numbers[:-1]) + b"\x7f" * 16,
        b=(-UNIT // 2).to_bytes(16, "big", signed=True) * rows,
    )
    answer = stub.AddColumns(request)
    assert [(each.status.code, [*each.rows]) for each in answer.refused] == [(3, [rows - 1])]
    there = {(p, offset): (key, value) for p, offset, key, value in committed(kafka_stack.bootstrap_servers)}
    for row in range(rows - 1):
        key, value = there[answer.partitions[row], answer.offsets[row]]
        assert key == request.request_ids[16 * row : 16 * row + 16]
        assert value[53:69] == answer.sums[16 * row : 16 * row + 16]
        assert int.from_bytes(value[53:69], "big", signed=True) == row * UNIT - UNIT // 2
    again = stub.AddColumns(request)
    assert [*again.duplicates] == [*range(rows - 1)]
    assert again.offsets == answer.offsets
    assert again.sums == answer.sums


def test_the_largest_batch_of_refusals_fits_a_usual_client(stub: BlockingStub) -> None:
    """10,000 refused additions are answered in fewer than the 4 MiB that clients take by default."""
    answer = stub.AddBatch(tally_pb2.AddBatchRequest(additions=[tally_pb2.AddRequest()] * 10_000))
    assert {result.status.code for result in answer.results} == {3}


def test_a_batch_over_the_limit_is_refused_whole(stub: BlockingStub) -> None:
    """A batch of one addition too many is INVALID_ARGUMENT as a whole, and the refusal names the limit."""
    with pytest.raises(grpc.RpcError) as refused:
        stub.AddBatch(tally_pb2.AddBatchRequest(additions=[addition()] * 10_001))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "10000" in str(refused.value.details())
    column = bytes(16 * 10_001)
    with pytest.raises(grpc.RpcError) as refused:
        stub.AddColumns(tally_pb2.AddColumnsRequest(request_ids=column, a=column, b=column))
    assert outcome_of(refused.value) == ("BATCH_TOO_LARGE", "not-committed", None)
    assert "10000" in str(refused.value.details())


def columns(request_ids: bytes, a: bytes, b: bytes) -> tally_pb2.AddColumnsRequest:
    return tally_pb2.AddColumnsRequest(request_ids=request_ids, a=a, b=b)


def test_an_empty_batch_and_a_wrong_field_are_told_with_the_contract_s_rule(stub: BlockingStub) -> None:
    """BadRequest names the field, and the rule by the id that every validator of the contract gives it."""
    for call, broken in (
        (lambda: stub.AddBatch(tally_pb2.AddBatchRequest()), ("additions", "repeated.min_items")),
        (lambda: stub.AddColumns(columns(bytes(16), b"", bytes(16))), ("a", "bytes.min_len")),
        (lambda: stub.AddColumns(columns(bytes(32), bytes(32), bytes(31))), ("b", "")),
        (lambda: stub.Add(addition("1e3", "1")), ("a", "string.pattern")),
        (lambda: stub.Add(addition("1", "1", "x")), ("request_id", "string.uuid")),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        status = rpc_status.from_call(refused.value)
        bad = error_details_pb2.BadRequest()
        assert any(detail.Unpack(bad) for detail in status.details)
        assert [(each.field, each.reason) for each in bad.field_violations] == [broken]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_and_describes_the_service(producer: ProducerProcess, version: str) -> None:
    """Both names of reflection list the services and give the file that describes each."""
    call = producer.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    [listed] = call(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    names = {service.name for service in listed.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= names
    asked = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in sorted(names)]
    for answer in call(iter(asked)):
        assert answer.file_descriptor_response.file_descriptor_proto, answer.error_response
    [rules] = call(iter([reflection_pb2.ServerReflectionRequest(file_by_filename="buf/validate/validate.proto")]))
    assert rules.file_descriptor_response.file_descriptor_proto, "what reads the rules on the fields"


def test_health_knows_each_service_by_name(producer: ProducerProcess) -> None:
    """The health check is SERVING for the service and the whole server, and NOT_FOUND for an unknown name."""
    assert producer.health() == "SERVING"
    check: Any = producer.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"", timeout=30) == b"\x08\x01"
    with pytest.raises(grpc.RpcError) as unknown:
        check(b"\x0a\x01x", timeout=30)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_message_over_the_limit_is_resource_exhausted(stub: BlockingStub) -> None:
    """A message over the limit is refused with RESOURCE_EXHAUSTED before it is parsed."""
    with pytest.raises(grpc.RpcError) as refused:
        stub.Add(addition("1" * 5_000_000))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
