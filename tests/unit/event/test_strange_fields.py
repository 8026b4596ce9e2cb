"""Stepping over the fields of a stranger's record is bounded, and is what fastavro does where fastavro is safe."""

import io
import json
import random
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.event import resolution
from tally.event.codes import REASON_NAMES, UNDECODABLE
from tally.event.plain_schema import without_logical_types
from tally.event.strange_fields import StrangeFields, parsed
from tally.event.verdict import Event, Poison
from tests_support.consumer.strange_schemas import (
    COMMON,
    COUNT_MAX,
    FLAGS,
    NODE,
    STRANGE,
    Strange,
    any_body,
    any_writer,
    chain,
    writer,
)  # fmt: skip


def pairs(levels: int) -> list[Any]:
    """Return types each of which holds the one before twice, and the first nothing: without bytes, but for the last."""
    first: Any = {"type": "record", "name": "P0", "fields": []}
    return [first] + [
        {"type": "record", "name": f"P{level}", "fields": [{"name": n, "type": f"P{level - 1}"} for n in ("a", "b")]}
        for level in range(1, levels)
    ]


def wide(nulls: int) -> Any:
    """Return a record of many nulls and one text."""
    fields = [{"name": f"n{number}", "type": "null"} for number in range(nulls)] + [{"name": "t", "type": "string"}]
    return {"type": "record", "name": "Wide", "fields": fields}


@pytest.mark.parametrize(
    ("types", "tail"),
    [
        ([NODE], b"\x02" * 1_000_000 + b"\x00"),
        ([{"type": "array", "items": "null"}], COUNT_MAX + b"\x00"),
        ([{"type": "array", "items": {"type": "fixed", "name": "None0", "size": 0}}], COUNT_MAX + b"\x00"),
        ([{"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}], COUNT_MAX + b"\x00"),
        (chain(2_000), b"\x00" * 2_000),
        ([{"type": "map", "values": NODE}], b"\x02\x02k" + b"\x02" * 100_000 + b"\x00\x00"),
        (pairs(400), b""),
        ([{"type": "array", "items": wide(2_000)}], b"\xc0\x9a\x0c" + bytes(100_000) + b"\x00"),
    ],
    ids=["recursive", "nulls", "fixed of no bytes", "records of no bytes", "in a row", "in a map", "doubled", "wide"],
)
def test_a_field_that_is_deep_or_claims_endless_items_is_stepped_over(types: list[Any], tail: bytes) -> None:
    """However deep a stranger's field is, and however many items it claims, the record behind it is read."""
    resolved = resolution.resolve(json.dumps(writer(*types)))
    assert resolution.read(resolved, COMMON + tail) == Event(bytes(16), 0, 0, 0, 1 << 48)


@pytest.mark.parametrize("strange", STRANGE, ids=[each.name for each in STRANGE])
def test_a_strange_field_is_stepped_over_or_refused(strange: Strange) -> None:
    """Each record that could end or hold up a reader has its verdict."""
    found = resolution.read(resolution.resolve(strange.schema), COMMON + strange.tail)
    assert (REASON_NAMES[found.reason] if isinstance(found, Poison) else "NONE") == strange.reason


def sized(size: int | None) -> Any:
    """Return an array of values of so many bytes; fastavro takes all that are left for less than none."""
    return {"type": "array", "items": {"type": "fixed", "name": "Sized", "size": size}}


@pytest.mark.parametrize("kind", [FLAGS, {"type": "array", "items": "double"}, sized(-1), sized(None)], ids=str)
def test_endless_items_behind_the_end_of_the_bytes_are_undecodable(kind: Any) -> None:
    """Items of a fixed width that the bytes do not hold end the record as undecodable, at once."""
    found = resolution.read(resolution.resolve(json.dumps(writer(kind))), COMMON + COUNT_MAX + b"\x01")
    assert isinstance(found, Poison)
    assert found.reason == UNDECODABLE


def test_a_record_without_an_end_is_undecodable() -> None:
    """A record that holds itself with no choice between has no values: what claims to be one is undecodable."""
    endless = {"type": "record", "name": "Endless", "fields": [{"name": "n", "type": "Endless"}]}
    found = resolution.read(resolution.resolve(json.dumps(writer(endless))), COMMON + bytes(1000))
    assert isinstance(found, Poison)
    assert found.reason == UNDECODABLE


def test_a_schema_that_calls_itself_parsed_is_looked_at_like_any_other() -> None:
    """fastavro's own mark, and types beside it that nobody sees in the schema, change nothing of what is read."""
    harmless = {"type": "record", "name": "Node", "fields": [{"name": "n", "type": "int"}]}
    marked = writer(harmless, "Node") | {"__fastavro_parsed": True, "__named_schemas": {"Node": NODE}}
    resolved = resolution.resolve(json.dumps(marked))
    assert resolution.read(resolved, COMMON + b"\x02\x04") == Event(bytes(16), 0, 0, 0, 1 << 48)
    assert isinstance(resolution.read(resolved, COMMON + b"\x02" * 100_000 + b"\x00"), Poison)


@pytest.mark.parametrize("name", ["int", "array", "record"])
def test_a_type_that_has_the_name_of_one_of_avros_own_is_not_taken_for_it(name: str) -> None:
    """Where a stranger calls a type `int` or `array`, others of its schema mean what they mean to Avro."""
    own = {"type": "record", "name": name, "namespace": "", "fields": [{"name": "n", "type": "int"}]}
    nulls = {"type": "array", "items": "null"}
    resolved = resolution.resolve(json.dumps(writer(nulls, own, "int", {"type": "array", "items": "int"})))
    assert resolution.read(resolved, COMMON + b"\x00\x02\x04\x02\x06\x00") == Event(bytes(16), 0, 0, 0, 1 << 48)


@given(st.integers(0, 2**32))
def test_stepping_over_a_field_is_what_fastavro_does(seed: int) -> None:
    """For any schema, bytes and their damage, our stepping gives fields or the kind of error as fastavro does."""
    rng = random.Random(seed)
    plain = parsed(without_logical_types(any_writer(rng)))
    strange = StrangeFields(plain)
    body = any_body(rng)
    assert _said(lambda: _by_fastavro(plain, body)) == _said(lambda: _by_stepping(strange, body))


def _by_fastavro(plain: Any, body: bytes) -> tuple[Any, int]:
    stream = io.BytesIO(body)
    return fastavro.schemaless_reader(stream, plain, resolution._READER), stream.tell()


def _by_stepping(strange: StrangeFields, body: bytes) -> tuple[Any, int]:
    stream = io.BytesIO(body)
    return strange.read(stream, resolution._READER), stream.tell()


def _said(read: Any) -> Any:
    try:
        return read()
    except fastavro.read.SchemaResolutionError:
        return "does not resolve"
    except Exception:  # noqa: BLE001 - whatever fastavro raises for such bytes
        return "undecodable"
