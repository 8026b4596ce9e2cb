"""A batch as columns is its records one by one: the fast way decides nothing by itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tally.base.framing import SCHEMA_HEADER, SchemaName, frame
from tally.event.classify import Fetched, decode
from tally.event.codes import NONE, OUT_OF_RANGE, POISON, UNKNOWN_SCHEMA, WRONG_SUM
from tally.event.digest import operands, undecoded
from tally.event.int128 import halves
from tally.event.read_one import read_one, schema_name
from tally.event.reader import Reader
from tally.event.record import Record
from tally.event.resolution import read, resolve
from tally.event.rows import no_rows
from tally.event.values import columns_of, is_common, read_fast
from tally.event.verdict import Event, Poison, Sum, unknown_schema
from tests_support.consumer.golden_records import GUID, OURS, Case
from tests_support.consumer.verdict_corpus import read_corpus
from tests_support.ledger.records import LIMIT, PARTITION, PARTITIONS, SCHEMA_ID, body, request_id
from tests_support.ledger.strategies import values

SCHEMAS, RECORDS = read_corpus()
OWN = frozenset({OURS, 52})
"""The ids whose schema is ours, in two texts."""
RESOLVED = {name: resolve(text) for name, text in SCHEMAS.items()}
ANOTHER_SCHEMAS = b"\x01" + GUID


def general(name: SchemaName, bytes_: bytes) -> Event | Poison:
    """Return what another writer's body holds."""
    return read(RESOLVED[name], bytes_) if isinstance(name, int) and name in RESOLVED else unknown_schema(name)


@st.composite
def mutated(draw: st.DrawFn) -> Case:
    """Return a record of the corpus with some of its bytes changed, cut or lengthened."""
    case = draw(st.sampled_from([case for case, _ in RECORDS]))
    if case.value is None:
        return case
    value = bytearray(case.value)
    for at in draw(st.lists(st.integers(5, 90), max_size=2)):
        if at < len(value):
            value[at] = draw(st.integers(0, 255))
    behind = draw(st.sampled_from((b"", b"", b"", b"\0")))
    return replace(case, value=bytes(value) + behind)


good_and_broken = values().map(
    lambda pair: Case("ours", pair[0], pair[1] and pair[1].replace(frame(SCHEMA_ID), frame(OURS), 1))
)
headers = st.sampled_from((None, None, None, ANOTHER_SCHEMAS, frame(OURS), frame(3), b"", b"\x07"))
cases = st.one_of(
    good_and_broken,
    mutated(),
    st.builds(lambda case, header: replace(case, header=header), st.one_of(good_and_broken, mutated()), headers),
)


def one(case: Case) -> Sum | Poison:
    return read_one(
        PARTITION,
        case.key,
        case.value,
        case.header,
        partitions=PARTITIONS,
        own_schema_ids=OWN,
        general=general,
    )


def batch(all_: list[Case]) -> Fetched:
    offsets = np.arange(10, 10 + len(all_), dtype=np.int64)
    header = [case.header for case in all_].__getitem__
    return Fetched(PARTITION, offsets, offsets, [case.key for case in all_], [case.value for case in all_], header)


@given(st.lists(cases, max_size=12))
def test_the_columns_of_a_batch_are_its_records_read_one_by_one(all_: list[Case]) -> None:
    """A batch read as columns has the rows, reasons, texts, schemas and digests of its records read one by one."""
    found = decode(batch(all_), partitions=PARTITIONS, fast_schema_ids=OWN, general=general, verdicts={})
    read_alone = [one(case) for case in all_]
    poison = {row.position: row.poison for row in found.poison}
    assert poison == {at: each for at, each in enumerate(read_alone) if isinstance(each, Poison)}
    assert list(poison) == sorted(poison)
    for case, each, row in zip(all_, read_alone, found.rows, strict=True):
        held = b"".join(row[name].tobytes() for name in ("request_id", "a", "b", "sum"))
        if isinstance(each, Sum):
            assert (int(row["reason"]), held) == (NONE, columns_of(each))
            numbers = np.frombuffer(held[16:48], np.uint8).reshape(2, 16)
            assert row["digest"].tobytes() == operands(halves(numbers[:1]), halves(numbers[1:])).tobytes()
        else:
            assert (int(row["kind"]), int(row["reason"]), held) == (POISON, each.reason, bytes(64))
            assert row["digest"].tobytes() == undecoded(case.key, case.value)
    ids = {each.schema for each in read_alone if isinstance(each, Sum)}
    assert {name for name in ids if isinstance(name, int)} <= found.schema_ids


@pytest.mark.parametrize(
    ("a", "b", "total", "name"),
    [
        (LIMIT, -1, LIMIT - 1, "a"),
        (-1, LIMIT, LIMIT - 1, "b"),
        (LIMIT - 1, 1, LIMIT, "sum"),
        (-LIMIT, 1, 1 - LIMIT, "a"),
        (2**127 - 1, 1, -(2**127), "a"),
    ],
)
def test_one_number_of_39_digits_makes_a_record_poison(a: int, b: int, total: int, name: str) -> None:
    """A record with 39 digits in a, b or sum alone is OUT_OF_RANGE by that field, also where 128 bits wrap around."""
    all_ = [Case("odd", request_id(0), frame(OURS) + body(request_id(0), a, b, total))]
    found = decode(batch(all_), partitions=PARTITIONS, fast_schema_ids=OWN, general=general, verdicts={})
    assert [row.poison for row in found.poison] == [Poison(OUT_OF_RANGE, f"{name} has more than 38 digits", OURS)]


@given(st.lists(cases, max_size=6))
def test_what_is_taken_as_columns_is_the_common_form(all_: list[Case]) -> None:
    """The columns take exactly those values that `read_one` reads without a look at the headers."""
    fast, _ = read_fast(no_rows(len(all_)), [case.value for case in all_], OWN)
    assert fast.tolist() == [case.value is not None and is_common(case.value, OWN) for case in all_]


@given(cases)
@example(Case("ours in another text", request_id(0), frame(52) + body(request_id(0), 1, 2), b"\x01" + bytes(16)))
def test_a_reader_with_a_registry_agrees(case: Case) -> None:
    """The reader of `tally tail`, which asks the registry for schemas, has the ledger's verdict on every record."""
    record = Record(PARTITION, 0, 0, case.key, case.value, {} if case.header is None else {SCHEMA_HEADER: case.header})
    reader = Reader(OURS, lambda name: SCHEMAS.get(name) if isinstance(name, int) else None, PARTITIONS)
    assert reader.read(record) == one(case)


@given(cases)
def test_a_verdict_names_the_schema_that_the_record_was_read_by(case: Case) -> None:
    """Each verdict names the schema that the record was read by, on which claims of dead letters rely."""
    assert one(case).schema == schema_name(case.value, case.header, OWN)


def test_only_the_ids_of_records_that_were_read_are_pinned() -> None:
    """Only the schema ids of records that were read are pinned, wherever batches end."""
    id_ = request_id(0)
    all_ = [
        Case("taken over", id_, frame(52) + body(id_, 1, 2)),
        Case("ours", id_, frame(OURS) + body(id_, 1, 2)),
        Case("another's, a wrong sum", id_, frame(3) + body(id_, 1, 2, 4) + b"\0"),
        Case("another's, 39 digits", id_, frame(47) + b"\0" + body(id_, 10**38, 0)),
        Case("nobody's", id_, frame(999) + body(id_, 1, 2)),
    ]
    verdicts = {10: UNKNOWN_SCHEMA}
    found = decode(batch(all_), partitions=PARTITIONS, fast_schema_ids=OWN, general=general, verdicts=verdicts)
    assert found.rows["reason"].tolist() == [UNKNOWN_SCHEMA, NONE, WRONG_SUM, OUT_OF_RANGE, UNKNOWN_SCHEMA]
    assert found.schema_ids == {OURS, 3}
