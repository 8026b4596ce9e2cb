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
from tally.event.codes import UNDECODABLE
from tally.event.plain_schema import without_logical_types
from tally.event.strange_fields import StrangeFields, parsed
from tally.event.verdict import Event, Poison
from tally.generated.avro.sum_added import SumAdded

NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
FLAGS = {"type": "array", "items": "boolean"}
PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "string", "bytes")
COMMON = bytes(64) + b"\x80\x80\x80\x80\x80\x80\x80\x01"
NULLS_MAX = b"\xfe" + b"\xff" * 8 + b"\x01"  # 2**63 - 1 of them


def writer(*types: Any, front: bool = False) -> Any:
    """Return our schema with one field more for each type, behind ours or in front of them."""
    schema = json.loads(SumAdded.SCHEMA)
    extra = [{"name": f"extra_{number}", "type": kind} for number, kind in enumerate(types)]
    schema["fields"] = extra + schema["fields"] if front else schema["fields"] + extra
    return schema


def chain(levels: int) -> list[Any]:
    """Return types each of which holds the one before, so that a value of the last is that deep."""
    first: Any = {"type": "record", "name": "L0", "fields": [{"name": "n", "type": "string"}]}
    return [first] + [
        {"type": "record", "name": f"L{level}", "fields": [{"name": "n", "type": f"L{level - 1}"}]}
        for level in range(1, levels)
    ]


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
        ([{"type": "array", "items": "null"}], NULLS_MAX + b"\x00"),
        ([{"type": "array", "items": {"type": "fixed", "name": "None0", "size": 0}}], NULLS_MAX + b"\x00"),
        ([{"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}], NULLS_MAX + b"\x00"),
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


def sized(size: int | None) -> Any:
    """Return an array of values of so many bytes; fastavro takes all that are left for less than none."""
    return {"type": "array", "items": {"type": "fixed", "name": "Sized", "size": size}}


@pytest.mark.parametrize("kind", [FLAGS, {"type": "array", "items": "double"}, sized(-1), sized(None)], ids=str)
def test_endless_items_behind_the_end_of_the_bytes_are_undecodable(kind: Any) -> None:
    """Items of a fixed width that the bytes do not hold end the record as undecodable, at once."""
    found = resolution.read(resolution.resolve(json.dumps(writer(kind))), COMMON + NULLS_MAX + b"\x01")
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


def types_below(rng: random.Random, depth: int, names: list[str]) -> Any:
    """Return a random type, which may refer to names that were made before and to itself."""
    kind = rng.choice(("primitive", "array", "map", "union", "record", "fixed", "enum", "name"))
    if kind == "name" and names:
        return rng.choice(names)
    if depth == 0 or kind in {"primitive", "name"}:
        return rng.choice(PRIMITIVES)
    if kind == "array":
        return {"type": "array", "items": types_below(rng, depth - 1, names)}
    if kind == "map":
        return {"type": "map", "values": types_below(rng, depth - 1, names)}
    if kind == "union":
        return [*rng.sample(PRIMITIVES, rng.randint(1, 3)), *names[-1:]]
    own = f"T{rng.getrandbits(48)}"
    made: dict[str, Any] = {"type": kind, "name": own}
    if kind == "fixed":
        made["size"] = rng.choice((0, 1, 2, 5, -1, None, True, 2.0, "3", 1 << 62, 1 << 63))
    elif kind == "enum":
        made["symbols"] = ["A", "B"]
    else:
        made["fields"] = _fields(rng, depth, names, own)
    names.append(own)
    return made


def _fields(rng: random.Random, depth: int, names: list[str], own: str) -> list[Any]:
    fields = [{"name": f"f{n}", "type": types_below(rng, depth - 1, names)} for n in range(rng.randint(0, 3))]
    return fields + [{"name": "again", "type": ["null", own]}] * rng.randint(0, 1)


@given(st.integers(0, 2**32))
def test_stepping_over_a_field_is_what_fastavro_does(seed: int) -> None:
    """For any schema, bytes and their damage, our stepping gives fields or the kind of error as fastavro does."""
    rng = random.Random(seed)
    names: list[str] = []
    schema = writer(*(types_below(rng, 3, names) for _ in range(rng.randint(1, 3))), front=rng.random() < 0.5)
    plain = parsed(without_logical_types(schema))
    strange = StrangeFields(plain)
    body = _damaged(rng)
    assert _said(lambda: _by_fastavro(plain, body)) == _said(lambda: _by_stepping(strange, body))


def _damaged(rng: random.Random) -> bytes:
    # No byte begins a number above 2, wherever it is read, so that fastavro is done with what they claim.
    small = bytes(rng.choice((0, 0, 1, 2, 2, 3, 4, 5)) for _ in range(rng.randint(0, 120)))
    if rng.random() < 0.3:
        return small
    common = bytes(65)
    return (common + small) if rng.random() < 0.5 else (small[:8] + common + small[8:20])


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
