"""The generated Avro classes write and read what fastavro does, and survive hostile bytes."""

import datetime
import json
import tracemalloc
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.avro import parse as avro_parse
from tally.generated.avro import AvroDecodeError, AvroEncodeError, dead_letter, ledger_row, sum_added
from tally.generated.avro.sum_added import SumAdded
from tests_support.contracts.avro_modules import EVERYTHING, Values, imported

CONTRACTS = Path(__file__).parents[2] / "contracts"


def _values(module: ModuleType) -> Values:
    return Values(avro_parse.parse("test.avsc", module.SCHEMA), module)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Values]:
    with imported(EVERYTHING, tmp_path_factory.mktemp("avro")) as module:
        yield _values(module)


OURS = [_values(module) for module in (sum_added, dead_letter, ledger_row)]


def _same_as_fastavro(values: Values, record: object) -> None:
    data = record.encode()  # type: ignore[attr-defined]
    assert data == values.fastavro_bytes(record)
    assert type(record).decode(data) == record  # type: ignore[attr-defined]


@pytest.mark.parametrize("values", OURS, ids=lambda values: values.schema.name)
@given(data=st.data())
def test_records_of_the_contracts_are_byte_equal_to_fastavro(values: Values, data: st.DataObject) -> None:
    """Any record of the contracts is encoded as fastavro does it and decodes to itself."""
    _same_as_fastavro(values, data.draw(values.records()))


@given(data=st.data())
@settings(deadline=None)
def test_records_with_every_supported_type_are_byte_equal_to_fastavro(everything: Values, data: st.DataObject) -> None:
    """Any record with every supported type is encoded as fastavro does it and decodes to itself."""
    _same_as_fastavro(everything, data.draw(everything.records()))


@pytest.mark.parametrize("values", OURS, ids=lambda values: values.schema.name)
@given(data=st.data())
def test_any_bytes_are_a_record_or_a_typed_error(values: Values, data: st.DataObject) -> None:
    """Damaged or random bytes of a contract's record decode to a stable record or raise AvroDecodeError."""
    _decode_or_refuse(values, data)


@given(data=st.data())
@settings(deadline=None)
def test_any_bytes_are_a_record_with_every_type_or_a_typed_error(everything: Values, data: st.DataObject) -> None:
    """For a record with every type, damaged bytes decode to a stable record or raise AvroDecodeError."""
    _decode_or_refuse(everything, data)


def _decode_or_refuse(values: Values, data: st.DataObject) -> None:
    """Decode random bytes, and a valid record with a byte changed, taken away or inserted."""
    valid = bytearray(data.draw(values.records()).encode())
    place = data.draw(st.integers(0, max(len(valid) - 1, 0)))
    damage = data.draw(st.sampled_from(["random", "flip", "cut", "insert"]))
    if damage == "random":
        valid = bytearray(data.draw(st.binary(max_size=300)))
    elif damage == "flip" and valid:
        valid[place] ^= data.draw(st.integers(1, 255))
    elif damage == "cut":
        del valid[place:]
    else:
        valid[place:place] = data.draw(st.binary(min_size=1, max_size=12))
    cls = getattr(values.module, values.names.classes[values.schema.name])
    try:
        record = cls.decode(bytes(valid))
    except values.decode_error:
        return
    again = record.encode()
    assert cls.decode(again).encode() == again  # as bytes: NaN does not equal itself


def _record(*fields: Mapping[str, object]) -> str:
    return json.dumps({"type": "record", "name": "R", "namespace": "t", "fields": fields})


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("bytes", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),  # a length of 2**63 - 1
        ("string", b"\x80\x80\x80\x80\x80\x20" + b"x"),
        ("bytes", b"\x01"),  # a length of -1
        ({"type": "array", "items": "long"}, b"\x80\x80\x80\x80\x80\x20"),
        ({"type": "array", "items": "long"}, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"),  # a count of -2**63
        ({"type": "map", "values": "bytes"}, b"\x80\x80\x80\x80\x80\x20"),
        ("long", b"\xff" * 12),
        ("long", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),  # 65 bits
        ("int", b"\x80\x80\x80\x80\x20"),  # 33 bits
        ("boolean", b"\x02"),
        (["null", "string"], b"\x04"),
        (["null", "string"], b"\x01"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01"),
        ("string", b"\x02\xff"),
        ({"type": "long", "logicalType": "timestamp-micros"}, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ({"type": "int", "logicalType": "date"}, b"\xfe\xff\xff\xff\x0f"),
        ({"type": "int", "logicalType": "time-millis"}, b"\xfe\xff\xff\xff\x0f"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 2}, b"\x04\x7f\x00"),
        ({"type": "string", "logicalType": "uuid"}, b"\x02x"),
        ("double", b"\0" * 7),
        ("int", b"\x02\x00"),  # a byte too many
        ("int", b""),
    ],
)  # fmt: skip
def test_hostile_bytes_are_refused_within_bounded_memory(kind: object, data: bytes, tmp_path: Path) -> None:
    """Each hostile length, count, index or number is refused, with less than 1 MB of memory."""
    with imported(_record({"name": "f", "type": kind}), tmp_path) as module:
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=r"\w") as caught:
                module.R.decode(data)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert type(caught.value).__name__ == "AvroDecodeError"
    assert peak_bytes < 1_000_000


HOSTILE = (
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length of 2**63 - 1
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # of -2**63
    b"\x80\x80\x80\x80\x80\x20",  # of 2**39
    b"\x80\x80\x80\x01",
    b"\xff" * 12,  # a number without end
    b"\x02" * 200,  # the second branch of a union, the next record, and so on
    b"\x7e",  # an index of 63
    b"\x01",
    b"\x00",
)
FUZZED_BYTES_MAX = 4_000_000
"""Far above what a record of the longest input takes, far below what its lengths ask for."""


@given(pieces=st.lists(st.sampled_from(HOSTILE) | st.binary(max_size=8), max_size=40), start=st.integers(0, 200))
def test_hostile_lengths_nesting_and_indexes_in_any_order_take_bounded_memory(
    everything: Values, pieces: list[bytes], start: int
) -> None:
    """Hostile bytes in any order, also behind a valid beginning, take bounded memory."""
    cls = getattr(everything.module, everything.names.classes[everything.schema.name])
    data = VALID_BEGINNING[:start] + b"".join(pieces)
    tracemalloc.start()
    try:
        with suppress(everything.decode_error):
            cls.decode(data)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < FUZZED_BYTES_MAX


VALID_BEGINNING = bytes(200)  # zeros: empty texts, first branches, first symbols, the epoch


def test_a_negative_length_does_not_lead_back_to_bytes_that_were_read(tmp_path: Path) -> None:
    """A negative length is refused rather than followed backwards."""
    text = _record({"name": "raw", "type": "bytes"}, {"name": "flag", "type": "boolean"})
    with imported(text, tmp_path) as module, pytest.raises(ValueError, match="length or count of -1"):
        module.R.decode(b"\x01")


def test_a_fixed_of_another_length_is_refused_and_neither_cut_nor_padded(tmp_path: Path) -> None:
    """A fixed value of another length is refused on encoding, with the length that is allowed."""
    text = _record({"name": "f", "type": {"type": "fixed", "name": "F", "size": 4}})
    with imported(text, tmp_path) as module:
        for wrong in (b"abc", b"abcde"):
            with pytest.raises(ValueError, match=r"R\.f is .*; allowed is 4 bytes"):
                module.R(f=wrong).encode()


def test_records_nested_without_end_are_refused_in_both_directions(tmp_path: Path) -> None:
    """A record nested deeper than 64 levels is refused on decoding and on encoding, without a crash."""
    kind = {"name": "next", "type": ["null", "R"], "default": None}
    with imported(_record(kind), tmp_path) as module:
        with pytest.raises(ValueError, match="nested deeper than 64"):
            module.R.decode(b"\x02" * 1_000_000)
        chain = module.R()
        for _ in range(100):
            chain = module.R(next=chain)
        with pytest.raises(ValueError, match="nested too deeply"):
            chain.encode()


def _sum(**changes: object) -> SumAdded:
    fields: dict[str, object] = {
        "request_id": uuid.UUID(int=7),
        "a": Decimal(2),
        "b": Decimal("40.5"),
        "sum": Decimal("42.5"),
        "added_at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    }
    return SumAdded(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": Decimal("0.0000000001")}, "SumAdded.a is"),
        ({"b": Decimal(10) ** 29}, "SumAdded.b is"),
        ({"sum": Decimal("NaN")}, "SumAdded.sum is"),
        ({"sum": Decimal("Infinity")}, "SumAdded.sum is"),
        ({"a": Decimal("1E+999999")}, "SumAdded.a is"),
        ({"added_at": datetime.datetime(2026, 1, 2)}, "with a time zone"),
        ({"request_id": "text"}, "another type"),
        ({"a": 2.5}, "another type"),
        ({"a": None}, "another type"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_never_rounded(change: dict[str, object], words: str) -> None:
    """A value outside its field's type or range is refused by the field's name and never rounded."""
    with pytest.raises(AvroEncodeError, match=words):
        _sum(**change).encode()


def test_digits_beyond_python_s_default_precision_stay_exact() -> None:
    """An operand with 38 digits is encoded and decoded without loss."""
    exact = Decimal("12345678901234567890123456789.123456789")
    decoded = SumAdded.decode(_sum(a=exact, b=-exact, sum=Decimal(0)).encode())
    assert (decoded.a, decoded.b, decoded.sum) == (exact, -exact, Decimal(0))


def test_the_records_of_the_sums_topic_have_the_promised_width() -> None:
    """A record of the sums topic has 72 bytes, as the contract and the column layout say."""
    assert SumAdded.WIDTH == 72 == len(_sum().encode()) == SumAdded.column_dtype().itemsize


def test_columns_of_joined_records_are_the_fields_bytes() -> None:
    """The column layout over joined records shows each field's own bytes."""
    records = [_sum(request_id=uuid.UUID(int=i), a=Decimal(i)) for i in range(5)]
    rows = np.frombuffer(b"".join(record.encode() for record in records), dtype=SumAdded.column_dtype())
    assert [bytes(row) for row in rows["request_id"]] == [record.request_id.bytes for record in records]
    assert [int.from_bytes(bytes(row), "big", signed=True) for row in rows["a"]] == [i * 10**9 for i in range(5)]


def test_the_ledger_s_columns_follow_the_widths_of_its_numbers() -> None:
    """The ledger's column layout follows the width of the offset, so that the fields behind it are found."""
    row = ledger_row.LedgerRow(
        kind=ledger_row.RowKind.DUPLICATE,
        offset=1000,
        request_id=uuid.UUID(int=1),
        a=Decimal(1),
        b=Decimal(2),
        sum=Decimal(3),
        timestamp=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        digest=bytes(16),
        reason=ledger_row.RowReason.NONE,
        counted=0,
        duplicates=0,
        conflicts=0,
        poison=0,
        total="",
        chain=b"",
        crc=b"\1\2\3\4",
    )
    dtype = ledger_row.LedgerRow.column_dtype(offset=2)
    (found,) = np.frombuffer(row.encode(), dtype=dtype)
    assert found["kind"] == 2 * ledger_row.RowKind.DUPLICATE.code
    assert bytes(found["offset"]) == b"\xd0\x0f"
    assert bytes(found["crc"]) == row.crc
    assert found["total"] == found["chain"] == 0


def test_a_record_without_a_column_layout_offers_none() -> None:
    """A record of variable width offers no column layout, and one without a fixed width no WIDTH."""
    assert not hasattr(dead_letter.DeadLetter, "column_dtype")
    assert not hasattr(ledger_row.LedgerRow, "WIDTH")


def test_the_codes_of_an_enum_are_the_places_of_its_symbols() -> None:
    """An enum's code is its symbol's place in the schema, and an unknown code is refused."""
    for code, symbol in enumerate(json.loads(ledger_row.SCHEMA)["fields"][0]["type"]["symbols"]):
        member = ledger_row.RowKind.of_code(code)
        assert (member, member.code) == (symbol, code)
    with pytest.raises(AvroDecodeError):
        ledger_row.RowKind.of_code(5)


def test_defaults_of_the_schema_are_defaults_of_the_class(everything: Values) -> None:
    """A field with a default in the schema has the same default in the generated class."""
    fields = dict.fromkeys(everything.module.Everything.__struct_fields__)
    wanted = {"flag": True, "int": -3, "text": 'it\'s \\ "quoted"', "maybe": None, "numbers": (), "many": "S65"}
    given_fields = {name: value for name, value in fields.items() if name not in wanted}
    record = everything.module.Everything(**given_fields)
    assert {name: getattr(record, name) for name in wanted} == wanted
