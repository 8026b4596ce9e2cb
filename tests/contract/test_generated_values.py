"""What generated Avro classes take and give: defaults of every type, the bytes of any object, unions, empty items."""

import array
import datetime
import io
import json
import sys
import tracemalloc
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from codegen.avro.parse import parse
from codegen.avro.samples import samples
from tests_support.contracts.avro_modules import EVERYTHING, imported

FIXED = {"type": "fixed", "name": "F", "size": 4}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
MAP = {"type": "map", "values": "I"}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
INNER = {
    "type": "record",
    "name": "I",
    "fields": [{"name": "x", "type": "int"}, {"name": "class", "type": "string", "default": "c"}],
}


def _text(*fields: Any) -> str:
    return json.dumps({"type": "record", "name": "R", "namespace": "t", "fields": fields})


def _of(kind: Any, **extra: Any) -> str:
    return _text({"name": "f", "type": kind, **extra})


@pytest.mark.parametrize("kind", ["bytes", FIXED], ids=["bytes", "fixed"])
@pytest.mark.parametrize(
    "lend",
    [
        bytearray,
        memoryview,
        lambda raw: memoryview(bytes(2 * len(raw)))[::2],
        lambda raw: array.array("i", [int.from_bytes(raw, sys.byteorder)]),
        lambda raw: memoryview(array.array("h", memoryview(raw).cast("h").tolist())),
    ],
    ids=["bytearray", "memoryview", "every second byte", "array of ints", "memoryview of shorts"],
)
def test_the_bytes_of_an_object_are_written_whatever_the_width_of_its_items(
    kind: Any, lend: Any, tmp_path: Path
) -> None:
    """A bytes or fixed field takes whatever lends bytes, and writes these, with their own length."""
    value = lend(b"\1\2\3\4")
    with imported(_of(kind), tmp_path) as module:
        assert module.R.decode(module.R(f=value).encode()).f == bytes(memoryview(value))


@pytest.mark.parametrize("kind", ["bytes", FIXED, DECIMAL, {**DECIMAL, **FIXED}], ids=["bytes", "fixed", "dec", "dec4"])
@pytest.mark.parametrize(
    "value",
    [[1, 2, 3, 4], "text", 4, None, array.array("i", [1, 2]), memoryview(b"12345")],
    ids=lambda one: type(one).__name__,
)
def test_what_is_not_the_bytes_of_its_type_is_refused(kind: Any, value: Any, tmp_path: Path) -> None:
    """A bytes, fixed or decimal field refuses a value of another type or length, by the field's name."""
    with imported(_of(kind), tmp_path) as module:
        if kind == "bytes" and not isinstance(value, list | str | int | None):
            assert module.R.decode(module.R(f=value).encode()).f == bytes(value)
            return
        if "logicalType" in kind and value == 4:
            assert module.R.decode(module.R(f=value).encode()).f == 4
            return
        with pytest.raises(ValueError, match=r"R\.f is |of another type") as caught:
            module.R(f=value).encode()
    assert type(caught.value).__name__ == "AvroEncodeError"


DEFAULTS = [
    ("null", None, None),
    ("boolean", True, True),
    ("long", -7, -7),
    ("double", 3, 3.0),
    ("string", "ü\"'\\\n\x00", "ü\"'\\\n\x00"),
    ("bytes", "\u00ff\u0000", b"\xff\0"),
    (FIXED, "\u0001bcd", b"\1bcd"),
    (DECIMAL, "\u0001\u0002", Decimal("2.58")),
    ({**DECIMAL, **FIXED}, "\u00ff\u00ff\u00ff\u00ff", Decimal("-0.01")),
    ({"type": "string", "logicalType": "uuid"}, str(uuid.UUID(int=7)), uuid.UUID(int=7)),
    ({"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}, "\0" * 15 + "\7", uuid.UUID(int=7)),
    ({"type": "int", "logicalType": "date"}, 1, datetime.date(1970, 1, 2)),
    ({"type": "int", "logicalType": "time-millis"}, 0, datetime.time()),
    (MICROS, 1, datetime.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=datetime.UTC)),
    ({"type": "long", "logicalType": "timestamp-nanos"}, 1, 1),
    (ENUM, "B", "B"),
    ({"type": "array", "items": "int"}, [1], (1,)),
    ({"type": "array", "items": ENUM}, ["A", "B"], ("A", "B")),
    ({"type": "map", "values": "bytes"}, {"a": "\u00ff"}, {"a": b"\xff"}),
    (["null", "string"], None, None),
    (["null", "string"], "of the second branch", "of the second branch"),
    (["bytes", "null"], "\u00ff", b"\xff"),
]


@pytest.mark.parametrize(("kind", "default", "wanted"), DEFAULTS)
def test_a_default_of_the_schema_is_the_default_of_the_class(
    kind: Any, default: Any, wanted: Any, tmp_path: Path
) -> None:
    """A field's default is its class's, as a value of the Python type, and the record is written and read."""
    with imported(_of(kind, default=default), tmp_path) as module:
        record = module.R()
        assert (record.f, type(record.f) is type(wanted) or isinstance(wanted, str)) == (wanted, True)
        assert module.R.decode(record.encode()) == record


def test_defaults_of_records_and_maps_are_not_shared(tmp_path: Path) -> None:
    """A default that can be changed is made anew for each record, however deep it is."""
    fields = [
        {"name": "I", "type": INNER, "default": {"x": 1}},
        {"name": "deep", "type": {"type": "array", "items": MAP}, "default": [{"k": {"x": 2}}]},
        {"name": "E", "type": ENUM, "default": "A"},
    ]  # fmt: skip
    with imported(_text(*fields), tmp_path) as module:
        one, other = module.R(), module.R()
        assert one == other == module.R(I=module.I(x=1, class_="c"), deep=({"k": module.I(x=2)},), E=module.E.A)
        one.deep[0]["k"] = module.I(x=3)
        assert other.deep == ({"k": module.I(x=2)},)


def test_a_default_that_python_s_type_does_not_hold_is_none_of_the_class(tmp_path: Path) -> None:
    """A date beyond the year 9999 is a legal default of the schema, and the class has none: it must be given."""
    text = _of({"type": "int", "logicalType": "date"}, default=99_999_999)
    with imported(text, tmp_path) as module, pytest.raises(TypeError, match="f"):
        module.R()


UNIONS = [
    (["int", "long"], [1, 2**31 - 1, 2**31, -(2**63)]),
    (["long", "int"], [1, 2**31]),
    (["float", "double", "null"], [1.5, 0.1, None]),
    (["bytes", FIXED], [b"", b"1234", b"12345"]),
    ([FIXED, "bytes", {"type": "fixed", "name": "G", "size": 2}], [b"1234", b"12", b"123"]),
    ([ENUM, "string"], ["A", "C"]),
]


@pytest.mark.parametrize(("branches", "values"), UNIONS)
def test_a_union_of_branches_with_one_python_type_takes_the_branch_that_fastavro_takes(
    branches: Any, values: list[Any], tmp_path: Path
) -> None:
    """Of two branches with the same Python type the first that holds the value is written, and read back."""
    text = _of(branches)
    schema = fastavro.parse_schema(json.loads(text))
    with imported(text, tmp_path) as module:
        for value in values:
            given = module.E(value) if value == "A" else value
            data = module.R(f=given).encode()
            theirs = io.BytesIO()
            fastavro.schemaless_writer(theirs, schema, {"f": value})
            assert (data, module.R.decode(data).f) == (theirs.getvalue(), value)


@pytest.mark.parametrize("count", [17, 65, 700])
def test_a_union_of_many_branches_is_read_and_written(count: int, tmp_path: Path) -> None:
    """A union of hundreds of records has an index of two bytes, and each branch is its own class."""
    branches = [{"type": "record", "name": f"B{i}", "fields": [{"name": "x", "type": "int"}]} for i in range(count)]
    text = _of(["null", *branches[1:]])
    schema = fastavro.parse_schema(json.loads(text))
    with imported(text, tmp_path) as module:
        assert module.R.decode(b"\0").f is None
        for i in (1, 16, count - 1):
            theirs = io.BytesIO()
            fastavro.schemaless_writer(theirs, schema, {"f": (f"t.B{i}", {"x": i})})
            record = module.R(f=getattr(module, f"B{i}")(x=i))
            assert record.encode() == theirs.getvalue()
            assert module.R.decode(theirs.getvalue()) == record
        with pytest.raises(ValueError, match="index of a union"):
            module.R.decode(b"\xfe\x7f")


EMPTIES = [
    "null",
    {"type": "record", "name": "N", "fields": []},
    {"type": "record", "name": "N", "fields": [{"name": "a", "type": "null"}, {"name": "b", "type": "null"}]},
]


@pytest.mark.parametrize("items", EMPTIES, ids=["null", "empty record", "record of nulls"])
def test_items_without_bytes_are_bounded_in_both_directions(items: Any, tmp_path: Path) -> None:
    """An array of items that take no bytes holds 1,000; more are refused at once, in one block or in many."""
    with imported(_of({"type": "array", "items": items}), tmp_path) as module:
        item = None if items == "null" else module.N(**({"a": None, "b": None} if items["fields"] else {}))
        full = module.R(f=(item,) * 1_000)
        assert module.R.decode(full.encode()) == full
        with pytest.raises(ValueError, match=r"R\.f has 1001 items"):
            module.R(f=(item,) * 1_001).encode()
        hostile = [b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0"]
        tracemalloc.start()
        try:
            for data in [*hostile, b"\xd0\x0f" * 2 + b"\0"]:
                with pytest.raises(ValueError, match="more than 1000 items"):
                    module.R.decode(data)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("wrap", ["array", "map", "both"])
def test_a_type_nested_deeper_than_python_nests_is_read_and_written(wrap: str, tmp_path: Path) -> None:
    """Thirty arrays or maps within each other are functions of their own where Python allows no more nesting."""
    kind: Any = "int"
    value: Any = 7
    for level in range(30):
        as_array = wrap == "array" or (wrap == "both" and level % 2)
        kind = {"type": "array", "items": kind} if as_array else {"type": "map", "values": ["null", kind]}
        value = (value,) if as_array else {"k": value}
    with imported(_of(kind), tmp_path) as module:
        record = module.R(f=value)
        assert module.R.decode(record.encode()) == record


def test_logical_types_that_python_has_no_type_for_are_exact(tmp_path: Path) -> None:
    """Nanoseconds are whole numbers, a duration has three parts, and a decimal may bring its own scale."""
    text = _text(
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
        {"name": "span", "type": {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}},
        {"name": "big", "type": {"type": "bytes", "logicalType": "big-decimal"}},
    )
    with imported(text, tmp_path) as module:
        span = module._binary.Duration(months=1, days=2, milliseconds=3)
        for big in (Decimal("-12.345"), Decimal("1E+3"), Decimal(0), Decimal("9" * 1000), Decimal("1E-1000")):
            record = module.R(at=2**62 + 1, span=span, big=big)
            data = record.encode()
            assert b"\1\0\0\0\2\0\0\0\3\0\0\0" in data
            assert str(module.R.decode(data).big) == str(big)
        for wrong in (Decimal("1E+2000"), Decimal("NaN"), 3, Decimal("9" * 1200)):
            with pytest.raises(ValueError, match=r"R\.big is"):
                module.R(at=0, span=span, big=wrong).encode()
        for raw in (b"\2\1\xfe\xff\x0f", b"\x7e", b"", b"\2\1\2\2"):
            with pytest.raises(ValueError, match="decimal"):
                module._logical.big_decimal_of(raw)


def test_the_values_that_code_is_tried_with_have_every_branch_and_symbol() -> None:
    """The samples of a schema are values of it, as fastavro reads them, in which each branch and symbol comes up."""
    kind = [
        "null",
        {"type": "array", "items": ["int", "string", {"type": "map", "values": ["t.R", "null"]}]},
        {"type": "enum", "name": "S", "symbols": ["A", "B", "C"]},
    ]
    text = _text({"name": "f", "type": kind}, {"name": "g", "type": {"type": "array", "items": "t.R"}})
    schema = fastavro.parse_schema(json.loads(text))
    found = [fastavro.schemaless_reader(io.BytesIO(raw), schema, None) for raw in samples(parse("x", text))]
    seen = json.dumps(found)
    for wanted in ("null", "[1]", '["é"]', '[{"k": null}]', '[{"k": {"f"', '"A"', '"B"', '"C"', '"g": []'):
        assert wanted in seen.replace("\\u00e9", "é")
    assert len(found) < 20
    everything = parse("x", EVERYTHING)
    for raw in samples(everything):
        fastavro.schemaless_reader(io.BytesIO(raw), fastavro.parse_schema(json.loads(EVERYTHING)), None)


TOPS = [
    ("null", None, b""),
    ("string", "é", b"\4\xc3\xa9"),
    ({"type": "long", "logicalType": "timestamp-nanos"}, -2, b"\3"),
    ({"type": "fixed", "name": "t.F", "size": 2}, b"ab", b"ab"),
    ({"type": "array", "items": ["null", "double"]}, (None, 1.0), b"\4\0\2\0\0\0\0\0\0\xf0?\0"),
    ({"type": "map", "values": "bytes"}, {"k": b"v"}, b"\2\2k\2v\0"),
    (["null", "int", "string"], 5, b"\2\n"),
]


@pytest.mark.parametrize(("kind", "value", "data"), TOPS)
def test_a_schema_without_a_record_has_functions(kind: Any, value: Any, data: bytes, tmp_path: Path) -> None:
    """A schema of a primitive, a fixed, an array, a map or a union has encode and decode beside its constants."""
    text = json.dumps(kind)
    with imported(text, tmp_path) as module:
        assert (module.encode(value), module.decode(data), module.decode(data, text)) == (data, value, value)
        assert module.to_framed(value, 7) == b"\0\0\0\0\7" + data
        assert json.loads(module.SCHEMA) == kind
        for hostile in (b"\xff" * 12, data + b"\0"):
            with pytest.raises(module._runtime.AvroDecodeError):
                module.decode(hostile)
        if value is not None:
            with pytest.raises(module._runtime.AvroEncodeError):
                module.encode(object())


def test_an_enum_a_union_of_records_and_an_error_may_be_the_top(tmp_path: Path) -> None:
    """The classes of a top that is an enum, a union of records or an error are there, and its values are read."""
    with imported(json.dumps(ENUM), tmp_path) as module:
        assert module.decode(module.encode(module.E.B)) is module.E.B
        assert module.FULL_NAME == "E"
    other = {"type": "record", "name": "O", "fields": [{"name": "i", "type": "I"}]}
    with imported(json.dumps([INNER, other]), tmp_path) as module:
        value = module.O(i=module.I(x=1))
        assert module.encode(value) == b"\2\2\2c"
        assert module.decode(module.encode(value)) == value
    with imported(json.dumps({**INNER, "type": "error"}), tmp_path) as module:
        assert module.I.decode(module.I(x=1).encode()) == module.I(x=1)
