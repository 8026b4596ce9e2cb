"""Reading other writers' records, exactly or not at all."""

import io
import json
import uuid
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.event.codes import UNDECODABLE, UNREADABLE_SCHEMA
from tally.event.resolution import read, resolve
from tally.event.verdict import Event, Poison
from tally.generated.avro.sum_added import SumAdded


def writer(**changes: Any) -> Any:
    """Return our schema with some fields' types changed, and one field more in front."""
    schema = json.loads(SumAdded.SCHEMA)
    for field in schema["fields"]:
        field["type"] = changes.get(field["name"], field["type"])
    schema["fields"].insert(0, {"name": "note", "type": ["null", "string"], "default": None})
    return schema


def raw(schema: Any, a: int, b: int, total: int) -> bytes:
    """Encode unscaled values as the schema's plain bytes."""

    def plain(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: plain(v) for k, v in part.items() if k not in ("logicalType", "precision", "scale")}
        return [plain(item) for item in part] if isinstance(part, list) else part

    out = io.BytesIO()
    fields = {name: n.to_bytes(16, "big", signed=True) for name, n in (("a", a), ("b", b), ("sum", total))}
    record = {**fields, "note": "hi", "request_id": uuid.UUID(int=7).bytes, "added_at": 10**15}
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain(schema)), record)
    return out.getvalue()


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(-(10**37), 10**37))
def test_numbers_of_another_writer_are_read_exactly(a: int, b: int) -> None:
    """Any operands written with another schema of the same meaning are read as the same numbers, id and time."""
    resolved = resolve(json.dumps(writer()))
    event = read(resolved, raw(writer(), a, b, 0))
    assert event == Event(uuid.UUID(int=7).bytes, a, b, 0, 10**15)


def test_a_value_with_too_many_digits_is_not_rounded() -> None:
    """A number with 39 digits is read exactly, and whether it is out of range is decided by the caller."""
    event = read(resolve(json.dumps(writer())), raw(writer(), 10**38, 0, 0))
    assert isinstance(event, Event)
    assert event.a == 10**38


OTHER_TYPES: dict[str, dict[str, Any]] = {
    "another scale": {
        "a": {"type": "fixed", "name": "OperandA", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 4}
    },
    "no decimal": {"b": {"type": "fixed", "name": "OperandB", "size": 16}},
    "another unit of time": {"added_at": {"type": "long", "logicalType": "timestamp-millis"}},
    "text": {"a": "string"},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_a_writer_that_means_something_else_does_not_resolve(name: str) -> None:
    """A writer's schema whose fields mean something else is UNREADABLE_SCHEMA, whatever the bytes are."""
    outcome = read(resolve(json.dumps(writer(**OTHER_TYPES[name]))), b"x" * 80)
    assert isinstance(outcome, Poison)
    assert outcome.reason == UNREADABLE_SCHEMA


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"string"', 'syntax = "proto3";', '{"type": "record"}'])
def test_a_schema_that_is_not_a_record_of_ours_is_unreadable(text: str) -> None:
    """A registered schema that is no Avro record, or not even JSON, is UNREADABLE_SCHEMA and raises nothing."""
    outcome = read(resolve(text), b"\x00" * 80)
    assert isinstance(outcome, Poison)
    assert outcome.reason == UNREADABLE_SCHEMA


@given(st.binary(max_size=120))
def test_hostile_bytes_are_a_verdict_or_a_record_and_never_an_error(body: bytes) -> None:
    """Arbitrary bytes under another writer's schema are a record or UNDECODABLE, and nothing is raised."""
    outcome = read(resolve(json.dumps(writer())), body)
    assert isinstance(outcome, Event) or outcome.reason == UNDECODABLE


def test_bytes_after_the_record_make_it_undecodable() -> None:
    """A record followed by one more byte is UNDECODABLE, and not a record with a remainder."""
    outcome = read(resolve(json.dumps(writer())), raw(writer(), 1, 2, 3) + b"\x00")
    assert isinstance(outcome, Poison)
    assert outcome.reason == UNDECODABLE
