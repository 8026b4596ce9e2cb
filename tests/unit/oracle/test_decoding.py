"""What the oracle reads out of one record: an exact addition, or the reason that makes it unfit."""

import json
import uuid
from pathlib import Path

import pytest

from oracle.decoding import Addition, Unfit, partition_of, read_record
from oracle.facts import Schemas, TopicRecord
from tests_support.planting import PARTITIONS, SCHEMA, SCHEMA_ID, id_in, value_of

ID, OTHER = id_in(3, 0), id_in(3, 1)


def test_the_partition_function_agrees_with_the_contracts_vectors() -> None:
    """The oracle's own partition function agrees with each vector of the contract."""
    path = Path(__file__).parents[3] / "contracts" / "examples" / "partitions.json"
    contract = json.loads(path.read_text(encoding="utf-8"))
    for vector in contract["vectors"]:
        got = partition_of(uuid.UUID(vector["request_id"]).bytes, contract["partitions"])
        assert got == vector["partition"], vector


SCALE_4 = SCHEMA.replace('"scale": 9', '"scale": 4')
TOO_LARGE = 10**38


def unscaled(value: int) -> bytes:
    return value.to_bytes(16, "big", signed=True)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (ID.bytes, None, "FRAMING"),
        (ID.bytes, b"\x00\x00", "FRAMING"),
        (ID.bytes, b"\x02" + value_of(ID, "1", "1")[1:], "FRAMING"),
        (ID.bytes, b"\x00\x00\x00\x00\x63" + value_of(ID, "1", "1")[5:], "UNKNOWN_SCHEMA"),
        (ID.bytes, b"\x00\x00\x00\x00\x08" + value_of(ID, "1", "1")[5:], "UNREADABLE_SCHEMA"),
        (ID.bytes, value_of(ID, "1", "1")[:-1], "UNDECODABLE"),
        (ID.bytes, value_of(ID, "1", "1") + b"x", "UNDECODABLE"),
        (ID.bytes, value_of(ID, "1", "1", "3"), "WRONG_SUM"),
        (OTHER.bytes, value_of(ID, "1", "1"), "WRONG_KEY"),
        (id_in(4).bytes, value_of(id_in(4), "1", "1"), "WRONG_PARTITION"),
        (
            ID.bytes,
            value_of(ID, "1", "1")[:5]
            + ID.bytes
            + unscaled(TOO_LARGE)
            + unscaled(0)
            + unscaled(TOO_LARGE)
            + value_of(ID, "1", "1")[-8:],
            "OUT_OF_RANGE",
        ),
    ],
)
def test_a_record_outside_the_contract_is_unfit_for_its_reason(key: bytes, value: bytes | None, reason: str) -> None:
    """Each kind of record that breaks the contract is unfit for the reason that the contract names."""
    schemas: Schemas = {SCHEMA_ID: SCHEMA, 8: SCALE_4}
    read = read_record(TopicRecord(partition=3, offset=0, key=key, value=value), schemas, SCHEMA, PARTITIONS)
    assert read == Unfit(reason=reason)


def test_a_schema_is_named_by_an_id_or_a_guid_before_the_body_or_in_a_header() -> None:
    """All four framings of Confluent are read alike, and a name in the header has precedence."""
    # With a moment of one byte: what has exactly the common form is read as such, whatever its headers say.
    value, guid = value_of(ID, "2", "40.5")[:69] + b"\x02", bytes(range(16))
    name, body = value[:5], value[5:]
    schemas: Schemas = {SCHEMA_ID: SCHEMA, guid: SCHEMA}
    for frame, header in ((name, None), (b"\x01" + guid, None), (b"", name), (b"", b"\x01" + guid)):
        made = TopicRecord(partition=3, offset=0, key=ID.bytes, value=frame + body, schema_header=header)
        assert isinstance(read_record(made, schemas, SCHEMA, PARTITIONS), Addition)
    for header, reason in (
        (b"\x01" + bytes(16), "UNKNOWN_SCHEMA"),
        (b"\x01" + guid + b"x", "FRAMING"),
        (b"", "FRAMING"),
    ):
        made = TopicRecord(partition=3, offset=0, key=ID.bytes, value=value, schema_header=header)
        assert read_record(made, schemas, SCHEMA, PARTITIONS) == Unfit(reason=reason)


def test_numbers_of_every_digit_are_read_exactly() -> None:
    """Operands with all 38 digits are read without rounding."""
    a, b = "9" * 29 + "." + "9" * 9, "-" + "9" * 28 + ".000000001"
    value = value_of(ID, "0", "0")[:5] + ID.bytes
    for text in (a, b):
        value += unscaled(int(text.replace(".", "")))
    value += unscaled(int(a.replace(".", "")) + int(b.replace(".", ""))) + value_of(ID, "0", "0")[-8:]
    made = TopicRecord(partition=3, offset=0, key=ID.bytes, value=value)
    read = read_record(made, {SCHEMA_ID: SCHEMA}, SCHEMA, PARTITIONS)
    assert isinstance(read, Addition)
    assert (f"{read.a:f}", f"{read.b:f}") == (a, b)
