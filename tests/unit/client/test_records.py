"""Reading records of the topic: sums of any schema that resolves to ours, and every kind of poison."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.records import Poison, Record, Sum, read
from common import decimals
from common.framing import SchemaName, frame
from common.partitions import partition_of
from common.registry import SchemaUnknown
from contracts.generated.avro.sum_added import SCHEMA, SumAdded

OURS = 7
PARTITIONS = 12
AT = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
HALF = decimals.UNSCALED_LIMIT // 2 - 1


def no_schema(name: SchemaName) -> str:
    raise SchemaUnknown(f"no schema {name}")


def added(request_id: UUID, a: int = 2, b: int = 3, total: int | None = None) -> SumAdded:
    numbers = [Decimal(decimals.text_of(number)) for number in (a, b, a + b if total is None else total)]
    return SumAdded(request_id=request_id, a=numbers[0], b=numbers[1], sum=numbers[2], added_at=AT)


def record(
    sum_added: SumAdded, *, schema_id: int = OURS, partition: int | None = None, key: bytes | None = None
) -> Record:
    own = sum_added.request_id.bytes
    due = partition_of(own, PARTITIONS)
    value = frame(schema_id) + sum_added.encode()
    return Record(due if partition is None else partition, 5, 0, own if key is None else key, value)


@given(st.uuids(), st.integers(-HALF, HALF), st.integers(-HALF, HALF))
def test_a_committed_addition_is_read_exactly(request_id: UUID, a: int, b: int):
    seen = read(record(added(request_id, a, b)), OURS, no_schema, PARTITIONS)
    assert isinstance(seen, Sum)
    assert seen.request_id == request_id
    assert decimals.parse(format(seen.sum, "f")) == a + b


@given(st.none() | st.binary(max_size=100), st.none() | st.binary(max_size=20))
def test_no_bytes_break_the_reader(value: bytes | None, key: bytes | None):
    assert isinstance(read(Record(0, 0, 0, key, value), OURS, lambda _: SCHEMA, PARTITIONS), Sum | Poison)


@given(st.binary(max_size=100))
def test_no_body_of_a_foreign_schema_breaks_the_reader(body: bytes):
    foreign = json.dumps({"type": "record", "name": "tally.v1.SumAdded", "fields": [{"name": "x", "type": "string"}]})
    assert isinstance(read(Record(0, 0, 0, None, frame(9) + body), OURS, lambda _: foreign, PARTITIONS), Poison)


def test_a_record_of_another_schema_is_read_by_the_rules_of_avro():
    wider = json.loads(SCHEMA)
    wider["fields"].append({"name": "note", "type": "string"})
    mine = added(UUID(int=1))
    body = io.BytesIO()
    fields = {name: getattr(mine, name) for name in ("a", "b", "sum", "added_at")}
    fastavro.schemaless_writer(
        body, fastavro.parse_schema(wider), {**fields, "request_id": mine.request_id.bytes, "note": "new"}
    )
    framed = Record(
        partition_of(mine.request_id.bytes, PARTITIONS), 0, 0, mine.request_id.bytes, frame(9) + body.getvalue()
    )
    seen = read(framed, OURS, lambda _: json.dumps(wider), PARTITIONS)
    assert isinstance(seen, Sum)
    assert (seen.schema_id, seen.sum, seen.added_at) == (9, mine.sum, AT)


ID = UUID(int=77)
DUE = partition_of(ID.bytes, PARTITIONS)


@pytest.mark.parametrize(
    ("poisoned", "reason"),
    [
        (Record(DUE, 0, 0, ID.bytes, b"\1garbage"), "FRAMING"),
        (Record(DUE, 0, 0, ID.bytes, None), "FRAMING"),
        (record(added(ID), schema_id=9), "UNKNOWN_SCHEMA"),
        (Record(DUE, 0, 0, ID.bytes, frame(OURS) + b"short"), "UNDECODABLE"),
        (record(added(ID, 1, 2, 4)), "WRONG_SUM"),
        (record(added(ID), key=b"another"), "WRONG_KEY"),
        (record(added(ID), partition=(DUE + 1) % PARTITIONS), "WRONG_PARTITION"),
    ],
)
def test_a_record_that_cannot_be_counted_is_shown_with_the_reason_of_the_contract(poisoned: Record, reason: str):
    seen = read(poisoned, OURS, no_schema, PARTITIONS)
    assert isinstance(seen, Poison)
    assert seen.reason == reason
    assert seen.detail


def test_a_schema_that_does_not_resolve_to_ours_is_unreadable():
    foreign = json.dumps({"type": "record", "name": "tally.v1.SumAdded", "fields": [{"name": "x", "type": "int"}]})
    seen = read(Record(DUE, 0, 0, ID.bytes, frame(9) + b"\2"), OURS, lambda _: foreign, PARTITIONS)
    assert isinstance(seen, Poison)
    assert seen.reason == "UNREADABLE_SCHEMA"
