"""Reading records one by one: every reader has the ledger's words for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.base.framing import SCHEMA_HEADER, SchemaName, frame
from tally.event import decimals
from tally.event.codes import UNKNOWN_SCHEMA
from tally.event.reader import Reader
from tally.event.record import Record
from tally.event.verdict import Poison, Sum
from tests_support.consumer.golden_records import OURS, Case
from tests_support.consumer.verdict_corpus import Told, read_corpus
from tests_support.ledger.records import LIMIT, PARTITION, body, request_id

SCHEMAS, RECORDS = read_corpus()
NAMES = [*SCHEMAS, 999]


def texts(schemas: dict[int, str]) -> Callable[[SchemaName], str | None]:
    return lambda name: schemas.get(name) if isinstance(name, int) else None


def read(case: Case) -> Sum | Poison:
    headers = {} if case.header is None else {SCHEMA_HEADER: case.header}
    return Reader(OURS, texts(SCHEMAS)).read(Record(PARTITION, 0, 0, case.key, case.value, headers))


@pytest.mark.parametrize(("case", "told"), RECORDS, ids=[case.name for case, _ in RECORDS])
def test_a_record_is_told_in_the_words_of_the_ledger(case: Case, told: Told) -> None:
    """The reader of `tally tail` and the ledger give every record of the corpus the same reason word."""
    found = read(case)
    assert (found.word if isinstance(found, Poison) else "NONE") == told.reason


@given(
    st.sampled_from(NAMES).map(frame) | st.just(b"\x01" + bytes(16)) | st.binary(max_size=17),
    st.binary(max_size=100) | st.builds(lambda behind: body(request_id(0), 1, 2) + behind, st.binary(max_size=9)),
    st.none() | st.binary(max_size=20) | st.sampled_from(NAMES).map(frame),
)
def test_no_bytes_break_the_reader(before: bytes, behind: bytes, header: bytes | None) -> None:
    """Any frame, body and header are read as a sum or as poison, and nothing is raised."""
    assert isinstance(read(Case("any", request_id(0), before + behind, header)), Sum | Poison)


@given(st.integers(1 - LIMIT // 2, LIMIT // 2 - 1), st.integers(1 - LIMIT // 2, LIMIT // 2 - 1))
def test_a_committed_addition_is_read_exactly(a: int, b: int) -> None:
    """Id, numbers and time of an addition are read as written, by our schema and by one with the same meaning."""
    for schema_id in (OURS, 52):
        found = read(Case("ours", request_id(1), frame(schema_id) + body(request_id(1), a, b)[:64] + b"\x04"))
        assert found == Sum(schema_id, request_id(1), a, b, a + b, 2)
        assert found.added_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=2)
        assert decimals.text_of(found.sum) == decimals.text_of(a + b)


def test_a_moment_that_no_calendar_has_is_clipped() -> None:
    """A time beyond the calendar is clipped to the year 9999, since it does not make a sum poison either."""
    moment = b"\xfe" + b"\xff" * 8 + b"\x01"
    found = read(Case("ours", request_id(0), frame(OURS) + body(request_id(0), 1, 2)[:64] + moment))
    assert isinstance(found, Sum)
    assert (found.added_at_us, found.added_at.year) == (2**63 - 1, 9999)


def test_a_schema_that_is_registered_later_is_asked_for_again() -> None:
    """A schema that was unknown is asked for again, so a record of it is read once it is registered."""
    known: dict[int, str] = {OURS: SCHEMAS[OURS]}
    reader = Reader(OURS, texts(known))
    record = Record(PARTITION, 0, 0, request_id(0), frame(4) + b"\0" + body(request_id(0), 1, 2))
    assert reader.read(record) == Poison(UNKNOWN_SCHEMA, "the registry does not know schema id 4", 4)
    known[4] = SCHEMAS[4]
    assert isinstance(reader.read(record), Sum)


def test_a_registry_that_cannot_be_reached_is_no_verdict() -> None:
    """The error of a registry that cannot be reached is raised and never becomes poison."""

    def gone(name: SchemaName) -> str:
        raise ConnectionError(name)

    with pytest.raises(ConnectionError):
        Reader(OURS, gone).read(Record(PARTITION, 0, 0, b"", frame(4)))
