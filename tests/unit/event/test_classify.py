"""Decoding a batch into columns, against the naive reference and for each reason."""

import uuid
from dataclasses import replace

import pytest
from hypothesis import given

from tally.base.framing import SchemaName, frame
from tally.event.classify import Decoded, decode
from tally.event.codes import (
    FRAMING,
    NONE,
    OUT_OF_RANGE,
    POISON,
    UNDECODABLE,
    UNKNOWN_SCHEMA,
    UNREADABLE_SCHEMA,
    WRONG_KEY,
    WRONG_PARTITION,
    WRONG_SUM,
)
from tally.event.verdict import Event, General, Poison, SchemaUnavailable
from tally.generated.avro.sum_added import SumAdded
from tests_support.ledger.records import (
    ADDED_AT,
    LIMIT,
    PARTITION,
    PARTITIONS,
    SCHEMA_ID,
    Record,
    addition,
    body,
    decoded,
    fetched,
    nobody_knows,
    plain,
    reference,
    request_id,
)
from tests_support.ledger.strategies import topics

ID = request_id(0)
OTHER_ID = request_id(0, PARTITION + 1)
OWN = frame(SCHEMA_ID)


@given(topics())
def test_a_batch_decodes_as_its_records_one_by_one(records: list[Record]) -> None:
    """A batch of any records decodes to the rows and poison of the naive reference, which reads them one by one."""
    outcome = decoded(records)
    expected = reference(records)
    assert [row.reason for row in plain(outcome.rows)] == [row.reason for row in expected]
    kindless = [(vars(row) | {"kind": None}) for row in plain(outcome.rows)]
    assert kindless == [(vars(row) | {"kind": None}) for row in expected]
    assert [poison.offset for poison in outcome.poison] == [row.offset for row in expected if row.kind == POISON]
    for poison in outcome.poison:
        assert records[poison.position].offset == poison.offset
        assert poison.poison.reason == expected[poison.position].reason
        assert poison.poison.detail


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (ID, OWN + body(ID, 1, 2), NONE),
        (ID, OWN + body(ID, 1, 2)[:64] + b"\x02", NONE),
        (ID, None, FRAMING),
        (ID, b"", FRAMING),
        (ID, b"\x02" + (OWN + body(ID, 1, 2))[1:], FRAMING),
        (ID, b"\x01" + bytes(15), FRAMING),
        (ID, b"\x01" + bytes(16) + body(ID, 1, 2), UNKNOWN_SCHEMA),
        (ID, frame(99) + body(ID, 1, 2), UNKNOWN_SCHEMA),
        (ID, OWN, UNDECODABLE),
        (ID, OWN + body(ID, 1, 2)[:-1], UNDECODABLE),
        (ID, OWN + body(ID, 1, 2) + b"\0", UNDECODABLE),
        (ID, OWN + body(ID, 1, 2)[:64] + b"\x02" * 8, UNDECODABLE),
        (ID, OWN + body(ID, LIMIT, 0), OUT_OF_RANGE),
        (ID, OWN + body(ID, LIMIT - 1, 1), OUT_OF_RANGE),
        (ID, OWN + body(ID, 1, 2, 4), WRONG_SUM),
        (None, OWN + body(ID, 1, 2), WRONG_KEY),
        (OTHER_ID, OWN + body(ID, 1, 2), WRONG_KEY),
        (OTHER_ID, OWN + body(OTHER_ID, 1, 2), WRONG_PARTITION),
    ],
)
def test_each_reason_is_found_alone_and_among_good_records(key: bytes, value: bytes, reason: int) -> None:
    """Each kind of bad record gets its own reason, alone or among good ones, which stay unaffected."""
    odd = Record(5, 1, key, value)
    for batch in ([odd], [addition(4, 1), odd, addition(6, 2)]):
        outcome = decoded(batch)
        assert [int(row["reason"]) for row in outcome.rows if row["offset"] == 5] == [reason]
        assert outcome.rows["reason"].sum() == reason
        assert len(outcome.poison) == (reason != NONE)


def test_a_registry_that_cannot_be_reached_is_no_verdict() -> None:
    """An unreachable registry raises SchemaUnavailable for the batch, and turns no record into poison."""

    def unreachable(name: SchemaName, body: bytes) -> Poison:
        raise SchemaUnavailable("connection refused")

    with pytest.raises(SchemaUnavailable):
        run([addition(0, 0), Record(1, 1, ID, frame(8) + body(ID, 1, 2))], unreachable)


def test_another_writers_schema_goes_through_the_general_way_in_its_place() -> None:
    """A record of another writer's schema gets its row in its place among ours, and its schema id is reported."""
    event = Event(ID, 1, 2, 3, 10**15)
    outcome = run([addition(0, 1), Record(1, 1, ID, frame(8) + b"anything"), addition(2, 2)], lambda _, __: event)
    assert outcome.rows["reason"].tolist() == [NONE] * 3
    assert outcome.rows["request_id"][1].tobytes() == ID
    assert outcome.schema_ids == {SCHEMA_ID, 8}


GUID = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")


@pytest.mark.parametrize(
    ("header", "value", "asked"),
    [
        (b"\x01" + GUID.bytes, b"any body", (GUID, b"any body")),
        (b"\x01" + GUID.bytes, OWN + b"is a body too", (GUID, OWN + b"is a body too")),
        (frame(8), b"any body", (8, b"any body")),
        (None, b"\x01" + GUID.bytes + b"any body", (GUID, b"any body")),
        (b"\x01" + GUID.bytes + b"more", b"any body", None),
        (b"\x01short", b"any body", None),
        (b"", OWN + b"any body", None),
    ],
)
def test_a_header_names_the_schema_of_a_body_that_has_no_frame(
    header: bytes | None, value: bytes, asked: tuple[object, bytes] | None
) -> None:
    """A schema header takes precedence over the value's first bytes, and a broken one means FRAMING."""
    heard: list[tuple[object, bytes]] = []

    def general(name: SchemaName, body: bytes) -> Poison:
        heard.append((name, body))
        return Poison(UNKNOWN_SCHEMA, "unknown")

    batch = replace(fetched([addition(0, 1), Record(1, 1, ID, value)]), schema_header=[None, header].__getitem__)
    ours = frozenset({SCHEMA_ID})
    outcome = decode(batch, partitions=PARTITIONS, fast_schema_ids=ours, general=general, verdicts={})
    assert heard == ([asked] if asked else [])
    assert outcome.rows["reason"].tolist() == [NONE, UNKNOWN_SCHEMA if asked else FRAMING]
    assert batch.schema_name(1) == (asked[0] if asked else None)


def test_the_common_form_is_read_without_a_look_at_headers() -> None:
    """A record of the common form is decoded without a look at its headers, which would cost throughput."""

    def never(position: int) -> bytes | None:
        raise AssertionError(f"was asked for {position}")

    batch = replace(fetched([addition(0, 1), addition(1, 2)]), schema_header=never)
    ours = frozenset({SCHEMA_ID})
    outcome = decode(batch, partitions=PARTITIONS, fast_schema_ids=ours, general=nobody_knows, verdicts={})
    assert outcome.rows["reason"].tolist() == [NONE, NONE]


def test_a_guid_is_not_pinned_as_an_id() -> None:
    """A record whose schema is named by GUID is read, and reports no schema id to pin."""
    event = Event(ID, 1, 2, 3, 10**15)
    outcome = run([Record(1, 1, ID, b"\x01" + GUID.bytes + b"x")], lambda _, __: event)
    assert outcome.rows["reason"].tolist() == [NONE]
    assert outcome.schema_ids == frozenset()


def test_more_digits_than_the_contract_allows_from_another_schema_are_out_of_range() -> None:
    """A number of more than 38 digits from another schema is OUT_OF_RANGE, with the field and the limit."""
    event = Event(ID, LIMIT, 0, LIMIT, 10**15)
    outcome = run([Record(1, 1, ID, frame(8) + b"x")], lambda _, __: event)
    assert outcome.poison[0].poison == Poison(OUT_OF_RANGE, "a has more than 38 digits", 8)


def test_the_general_ways_verdict_is_kept_with_its_schema_id() -> None:
    """Poison of another writer's schema keeps its reason, its text and its schema id, which is not pinned."""
    outcome = run([Record(1, 1, ID, frame(8) + b"x")], lambda _, __: Poison(UNREADABLE_SCHEMA, "because"))
    assert [one.poison for one in outcome.poison] == [Poison(UNREADABLE_SCHEMA, "because", 8)]
    assert outcome.schema_ids == frozenset()


def test_what_has_a_dead_letter_is_not_decided_again() -> None:
    """A record with a verdict from a dead letter has that reason, and is not decoded again, whatever its bytes are."""

    def never(name: SchemaName, body: bytes) -> Poison:
        raise AssertionError("was asked")

    records = [Record(1, 1, ID, frame(8) + b"x"), addition(2, 1)]
    outcome = run(records, never, verdicts={1: UNKNOWN_SCHEMA, 2: WRONG_SUM, 77: FRAMING})
    assert outcome.rows["reason"].tolist() == [UNKNOWN_SCHEMA, WRONG_SUM]
    assert outcome.rows["kind"].tolist() == [POISON, POISON]


def test_an_empty_batch_has_no_rows() -> None:
    """A batch without records decodes to no rows, and raises nothing."""
    assert len(decoded([]).rows) == 0


def test_the_width_of_the_common_form_is_that_of_the_contract() -> None:
    """A record of the common form is as wide as the generated class says, so columns can be cut at fixed places."""
    assert len(body(ID, 1, 2)) == SumAdded.WIDTH == 64 + len(ADDED_AT)


def run(records: list[Record], general: General, verdicts: dict[int, int] | None = None) -> Decoded:
    return decode(
        fetched(records),
        partitions=PARTITIONS,
        fast_schema_ids=frozenset({SCHEMA_ID}),
        general=general,
        verdicts=verdicts or {},
    )
