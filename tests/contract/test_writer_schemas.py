"""Bytes that another schema wrote are read by Avro's resolution, as fastavro does, and survive hostile bytes."""

import io
import json
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import fastavro
import pytest
from fastavro.utils import generate_one
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.avro import parse as avro_parse
from codegen.avro.resolve import obstacles
from tests_support.contracts.avro_modules import EVERYTHING, Values, imported
from tests_support.contracts.avro_modules import record_text as _text
from tests_support.contracts.avro_modules import written as _written
from tests_support.contracts.verdict_cases import cases

FUZZED_BYTES_MAX = 4_000_000
X = {"name": "x", "type": "int"}
Y = {"name": "y", "type": "string"}


def _enum(*symbols: str, **extra: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": symbols, **extra}


def _numbers(*kinds: str) -> str:
    return _text(*({"name": f"f{i}", "type": kind} for i, kind in enumerate(kinds)))


NODE = {"type": "record", "name": "N", "fields": [X, {"name": "next", "type": ["null", "N"]}]}
NODE_TURNED = {
    "type": "record",
    "name": "N",
    "fields": [NODE["fields"][1], X, {"name": "z", "type": "int", "default": 5}],
}
CHAIN = {"x": 1, "next": {"x": 2, "next": {"x": 3, "next": None}}}
PAIRS: dict[str, tuple[str, str, Any]] = {
    "two fields swapped": (_text(X, Y), _text(Y, X), {"x": 7, "y": "text"}),
    "two fields of one type swapped": (
        _text({"name": "a", "type": "int"}, {"name": "b", "type": "int"}),
        _text({"name": "b", "type": "int"}, {"name": "a", "type": "int"}),
        {"a": 1, "b": 2},
    ),
    "a field less": (_text(X, {"name": "gone", "type": {"type": "map", "values": NODE}}, Y), _text(X, Y),
                     {"x": 1, "gone": {"k": CHAIN}, "y": "é"}),
    "fields more": (
        _text(X),
        _text(
            {"name": "a", "type": ["null", "int"], "default": None},
            X,
            {"name": "m", "type": {"type": "map", "values": "double"}, "default": {"k": 1}},
            {"name": "e", "type": _enum("A", "B"), "default": "B"},
            {"name": "l", "type": {"type": "array", "items": "long"}, "default": [1, -1]},
        ),
        {"x": -300},
    ),
    "numbers widen": (
        _numbers("int", "int", "int", "long", "long", "float"),
        _numbers("long", "float", "double", "float", "double", "double"),
        {"f0": -5, "f1": 6, "f2": 7, "f3": 8, "f4": 2**53, "f5": 0.5},
    ),
    "into a union": (_text(X), _text({"name": "x", "type": ["null", "string", "int"]}), {"x": 9}),
    "into a wider branch": (_text(X), _text({"name": "x", "type": ["null", "string", "double"]}), {"x": 9}),
    "out of a union": (_text({"name": "x", "type": ["null", "int"]}), _text(X), {"x": 9}),
    "branches turned": (
        _text({"name": "x", "type": ["null", "int", "string"]}),
        _text({"name": "x", "type": ["string", "long", "null"]}),
        {"x": "s"},
    ),
    "symbols moved": (
        _text({"name": "e", "type": _enum("A", "B")}),
        _text({"name": "e", "type": _enum("B", "A")}),
        {"e": "B"},
    ),
    "a symbol unknown": (
        _text({"name": "e", "type": _enum("A", "B")}),
        _text({"name": "e", "type": _enum("Z", "A", default="Z")}),
        {"e": "B"},
    ),
    "a field's alias": (_text(X), _text({**Y, "type": "int", "aliases": ["w", "x"]}), {"x": 3}),
    "a record's alias": (_text(X), _text(X, name="S", aliases=["t.R"]), {"x": 3}),
    "a record within itself": (
        _text({"name": "n", "type": NODE}), _text({"name": "n", "type": NODE_TURNED}), {"n": CHAIN},
    ),
    "items and values": (
        _text({"name": "l", "type": {"type": "array", "items": {"type": "map", "values": "int"}}}),
        _text({"name": "l", "type": {"type": "array", "items": {"type": "map", "values": "double"}}}),
        {"l": [{"a": 1}, {}, {"b": 2, "c": 3}]},
    ),
    "bytes as text": (
        _text({"name": "x", "type": "bytes"}),
        _text({"name": "x", "type": "string"}),
        {"x": "ü".encode()},
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", PAIRS)
def test_a_value_of_another_schema_is_read_as_fastavro_reads_it(change: str, tmp_path: Path) -> None:
    """Bytes of a writer's schema decode to the value that fastavro's resolution gives, byte for byte."""
    writer, reader, value = PAIRS[change]
    theirs, ours = (fastavro.parse_schema(json.loads(text)) for text in (writer, reader))
    read: Any = fastavro.schemaless_reader(io.BytesIO(_written(writer, value)), theirs, ours)
    with imported(reader, tmp_path) as module:
        cls = getattr(module, module.FULL_NAME.rpartition(".")[2])
        record = cls.decode(_written(writer, value), writer)
        assert record.encode() == _written(reader, read)
        assert cls.decode(_written(writer, value), json.dumps(json.loads(writer), indent=1)) == record


def test_a_field_is_found_by_its_name_before_another_s_alias(tmp_path: Path) -> None:
    """A writer's field is read into the field of its name, also where another has that name as alias before it."""
    reader = _text({"name": "y", "type": "int", "aliases": ["x"], "default": 4}, X)
    with imported(reader, tmp_path) as module:
        assert module.R.decode(_written(_text(X), {"x": 3}), _text(X)) == module.R(y=4, x=3)
        assert not obstacles(avro_parse.parse("w", _text(X)), avro_parse.parse("r", reader))


CASES = [case for case in cases() if case.kind == "AVRO" and case.name != "a default of another type"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_the_plan_calls_readable_is_read(case: Any, tmp_path: Path) -> None:
    """For each change of the table of verdicts, a value is read in each direction that the plan has no word against."""
    random.seed(case.name)  # fastavro's generator takes it
    for writer, reader in ((case.old, case.new), (case.new, case.old)):
        data = _written(writer, generate_one(json.loads(writer)))
        refused = tuple(obstacles(avro_parse.parse("w", writer), avro_parse.parse("r", reader)))
        with imported(reader, tmp_path) as module:
            cls = getattr(module, module.FULL_NAME.rpartition(".")[2])
            said = ""
            try:
                cls.decode(data, writer)
            except module._runtime.AvroDecodeError as error:
                said = str(error)
            assert refused or not said or "is not UTF-8" in said  # some bytes are no text, whatever the schemas are


REFUSED = [
    (_text({"name": "x", "type": "string"}), "string is not int"),
    (_text({"name": "x", "type": {"type": "int", "logicalType": "date"}}), "int date is not int"),
    (_text(), "it has no t.R.x, which has no default"),
    (_text(X, name="S"), "t.S is not t.R"),
    ('"int"', "int is not t.R"),
    (_text({"name": "x", "type": "Elsewhere"}), "names the type 'Elsewhere', which it does not define"),
    ("{", "not an Avro schema"),
    ('{"type": "record"}', "not an Avro schema"),
    ("[" * 100_000, "not an Avro schema"),
    ("null", "null is not t.R"),
]


@pytest.mark.parametrize(("writer", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_a_schema_that_does_not_resolve_is_refused_with_the_reason(writer: str, words: str, tmp_path: Path) -> None:
    """A writer's schema that is none, or that does not resolve, is an AvroDecodeError that says why, each time."""
    with imported(_text(X), tmp_path) as module:
        for _ in range(2):
            with pytest.raises(module._runtime.AvroDecodeError, match=words):
                module.R.decode(b"\2", writer)


def _turned(text: str) -> str:
    """Return a schema whose records have their fields in the opposite order, with one more that nobody knows."""
    tree = json.loads(text)

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(each) for each in node]
        if not isinstance(node, dict):
            return node
        node = {key: walk(value) for key, value in node.items()}
        if node.get("type") == "record":
            node["fields"] = [*node["fields"], {"name": "unknown_to_us", "type": ["null", "string"], "default": "x"}]
        return node

    turned = walk(tree)
    fields = turned["fields"]
    first = [field for field in fields if not isinstance(field["type"], dict | list)]
    turned["fields"] = [*(f for f in fields if f not in first), *reversed(first)]
    names = [field["name"] for field in turned["fields"]]
    digest = next(i for i, name in enumerate(names) if name == "again")  # a reference: behind what defines it
    turned["fields"].append(turned["fields"].pop(digest))
    return json.dumps(turned)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Values, Values]]:
    """Yield the values of the schema with every type, and those of its turned form, each with its module."""
    texts = (EVERYTHING, _turned(EVERYTHING))
    folder = tmp_path_factory.mktemp("avro")
    with imported(texts[0], folder) as one, imported(texts[1], folder) as other:
        yield tuple(Values(avro_parse.parse("x", module.SCHEMA), module) for module in (one, other))  # type: ignore[misc]


@given(data=st.data())
@settings(deadline=None)
def test_records_with_every_type_are_read_from_a_schema_in_another_order(
    everything: tuple[Values, Values], data: st.DataObject
) -> None:
    """Any record with every type is the same after it was written by a schema in another order with fields more."""
    ours, theirs = everything
    record = data.draw(theirs.records())
    read = ours.module.Everything.decode(record.encode(), theirs.module.SCHEMA)
    wanted = theirs.theirs(theirs.schema.top, record)
    assert read.encode() == _written(EVERYTHING, wanted)  # which leaves out what this schema does not have


HOSTILE = (
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x20",
    b"\xff" * 12,
    b"\x02" * 200,
    b"\x01",
    b"\x00",
)


@given(pieces=st.lists(st.sampled_from(HOSTILE) | st.binary(max_size=8), max_size=40), start=st.integers(0, 200))
@settings(deadline=None)
def test_hostile_bytes_of_another_schema_are_a_record_or_a_typed_error_in_bounded_memory(
    everything: tuple[Values, Values], pieces: list[bytes], start: int
) -> None:
    """Hostile bytes that another schema is said to have written take bounded memory and raise one type of error."""
    ours, theirs = everything
    tracemalloc.start()
    try:
        with suppress(ours.decode_error):
            ours.module.Everything.decode(bytes(start) + b"".join(pieces), theirs.module.SCHEMA)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < FUZZED_BYTES_MAX


def test_a_writer_s_nesting_and_empty_items_are_bounded(tmp_path: Path) -> None:
    """Records nested a million deep and 2**62 items without bytes are refused, also in a field that nobody reads."""
    chain = {"name": "n", "type": NODE}
    empty = {"name": "n", "type": {"type": "array", "items": "null"}}
    with imported(_text(Y), tmp_path) as module:
        for field, data, words in (
            (chain, b"\2\2" * 500_000, "nested deeper than 64"),
            (empty, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0", "more than 1000 items"),
            (empty, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0\0", "more than 1000 items"),
        ):
            with pytest.raises(module._runtime.AvroDecodeError, match=words):
                module.R.decode(data, _text(field, Y))
