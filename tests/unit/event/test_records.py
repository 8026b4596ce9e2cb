"""Reading records of the topic: every reader has the ledger's words for them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.base.framing import SCHEMA_HEADER, SchemaName, frame
from tally.cli.verdicts import Counts, Poisoned, Verdicts
from tally.event import decimals
from tally.event.records import Record, verdict_on
from tally.registry.errors import SchemaUnknown
from tally.registry.lookup import RegisteredSchema
from tests_support.consumer.golden_records import OURS, ZERO_WIDTH, Case
from tests_support.consumer.verdict_corpus import Texts, Told, read_corpus
from tests_support.ledger.records import LIMIT, PARTITION, body, request_id

SCHEMAS, RECORDS = read_corpus()
NAMES = [name for name in (*SCHEMAS, 999) if name != ZERO_WIDTH]


def record(case: Case) -> Record:
    return Record(PARTITION, 0, 0, case.key, case.value, {} if case.header is None else {SCHEMA_HEADER: case.header})


@pytest.mark.parametrize(("case", "told"), RECORDS, ids=[case.name for case, _ in RECORDS])
def test_a_record_is_told_in_the_words_of_the_ledger(case: Case, told: Told) -> None:
    """`tally tail` and the ledger have one reason word for a record, and it counts for both or for none."""
    said = verdict_on(record(case), Verdicts(OURS, Texts(SCHEMAS).schema))
    assert (said.reason if isinstance(said, Poisoned) else "NONE") == told.reason


@given(
    st.sampled_from(NAMES).map(frame) | st.just(b"\x01" + bytes(16)) | st.binary(max_size=17),
    st.binary(max_size=100) | st.builds(lambda behind: body(request_id(0), 1, 2) + behind, st.binary(max_size=9)),
    st.none() | st.binary(max_size=20) | st.sampled_from(NAMES).map(frame),
)
def test_no_bytes_break_the_reader(before: bytes, behind: bytes, header: bytes | None) -> None:
    """Any frame, body and header has a verdict."""
    case = Case("any", request_id(0), before + behind, header)
    assert isinstance(verdict_on(record(case), Verdicts(OURS, Texts(SCHEMAS).schema)), Counts | Poisoned)


@given(st.integers(1 - LIMIT // 2, LIMIT // 2 - 1), st.integers(1 - LIMIT // 2, LIMIT // 2 - 1))
def test_a_committed_addition_is_read_exactly(a: int, b: int) -> None:
    """Id, numbers and moment are those that were written, by our schema and by one with the same meaning."""
    for schema_id in (OURS, 52):
        case = Case("ours", request_id(1), frame(schema_id) + body(request_id(1), a, b)[:64] + b"\x04")
        said = verdict_on(record(case), Verdicts(OURS, Texts(SCHEMAS).schema))
        assert isinstance(said, Counts)
        assert (said.request_id.bytes, said.a, said.b, said.sum) == (request_id(1), a, b, a + b)
        assert said.schema == schema_id
        assert said.added_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=2)
        assert decimals.text_of(said.sum) == decimals.text_of(a + b)


def test_a_moment_that_no_calendar_has_is_clipped() -> None:
    """It does not make a sum poison, so it must not break a reader either."""
    case = Case("ours", request_id(0), frame(OURS) + body(request_id(0), 1, 2)[:64] + b"\xfe" + b"\xff" * 8 + b"\x01")
    said = verdict_on(record(case), Verdicts(OURS, Texts(SCHEMAS).schema))
    assert isinstance(said, Counts)
    assert said.added_at.year == 9999


def test_a_schema_that_is_registered_later_is_asked_for_again() -> None:
    """A denial is not kept: the registry's own client remembers it for some seconds."""
    known: dict[int, str] = {OURS: SCHEMAS[OURS]}
    verdicts = Verdicts(OURS, Texts(known).schema)
    case = Case("foreign", request_id(0), frame(4) + b"\0" + body(request_id(0), 1, 2))
    assert verdict_on(record(case), verdicts) == Poisoned("UNKNOWN_SCHEMA", "the registry does not know schema 4")
    known[4] = SCHEMAS[4]
    assert isinstance(verdict_on(record(case), verdicts), Counts)


def test_a_registry_that_cannot_be_reached_is_no_verdict() -> None:
    """Its error passes through."""

    def gone(name: SchemaName) -> RegisteredSchema:
        raise ConnectionError(name)

    with pytest.raises(ConnectionError):
        verdict_on(Record(PARTITION, 0, 0, b"", frame(4)), Verdicts(OURS, gone))
    with pytest.raises(SchemaUnknown):
        Texts({}).schema(4)
