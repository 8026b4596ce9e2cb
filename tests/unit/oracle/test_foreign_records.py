"""The oracle has the ledger's reason for every record, by code of its own, and no bytes break it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.decoding import Unfit, read_record
from oracle.facts import DeadLetter, Facts, Schemas, Stranger, TopicRecord
from oracle.judging import judge
from oracle.letters import read_dead_letters
from tally.generated.topics import SUMS
from tests_support.consumer.golden_records import GUID, Case
from tests_support.consumer.verdict_corpus import Told, consumer_schemas, read_corpus, told_by_consumer
from tests_support.ledger.records import PARTITION, PARTITIONS, body, request_id

TEXTS, RECORDS = read_corpus()
SCHEMAS: Schemas = {int(name): text for name, text in TEXTS.items()}
NAMES = [*TEXTS, 999]
CONSUMER = consumer_schemas(TEXTS)


def record(case: Case) -> TopicRecord:
    return TopicRecord(partition=PARTITION, offset=0, key=case.key, value=case.value, schema_header=case.header)


def reason_of(case: Case) -> str:
    read = read_record(record(case), SCHEMAS, SUMS.schema, PARTITIONS)
    return read.reason if isinstance(read, Unfit) else "NONE"


@pytest.mark.parametrize(("case", "told"), RECORDS, ids=[case.name for case, _ in RECORDS])
def test_a_record_has_the_ledgers_reason(case: Case, told: Told) -> None:
    """For each foreign record the oracle, which shares no code with the ledger, finds the ledger's reason."""
    assert reason_of(case) == told.reason


HEADERS = st.none() | st.binary(max_size=20) | st.sampled_from([b"\0" + n.to_bytes(4, "big") for n in NAMES])
FRAMES = st.sampled_from([b"\0" + n.to_bytes(4, "big") for n in NAMES]) | st.just(b"\1" + GUID) | st.binary(max_size=17)
OWN = st.builds(
    lambda cut, behind: body(request_id(0), 1, 2)[:cut] + behind, st.integers(60, 72), st.binary(max_size=12)
)


@given(FRAMES, st.binary(max_size=100) | OWN, HEADERS, st.sampled_from([request_id(0), b"", None]))
def test_oracle_and_consumer_agree_on_any_bytes(
    frame: bytes, behind: bytes, header: bytes | None, key: bytes | None
) -> None:
    """For any frame, body, header and key the oracle finds the reason that the consumer finds."""
    case = Case("any", key, frame + behind, header)
    assert [reason_of(case)] == [told.reason for told in told_by_consumer([case], CONSUMER)]


@given(FRAMES, st.binary(max_size=200) | OWN, HEADERS, st.none() | st.binary(max_size=40))
def test_no_record_of_the_dead_letter_topic_breaks_the_oracle(
    frame: bytes, behind: bytes, header: bytes | None, digest: bytes | None
) -> None:
    """It is a letter, one of another topic, or named as a stranger, and a report can be made of it."""
    values = (None, frame + behind)
    records = [
        TopicRecord(partition=3, offset=n, key=None, value=value, schema_header=header, source_digest=digest)
        for n, value in enumerate(values)
    ]
    letters, strangers = read_dead_letters({3: records}, SCHEMAS, SUMS.name)
    assert all(isinstance(letter, DeadLetter) for letter in letters)
    assert all(isinstance(stranger, Stranger) and stranger.why for stranger in strangers)
    facts = Facts(
        partitions=PARTITIONS, records={}, schemas=SCHEMAS, reader_schema=SUMS.schema,
        dead_letters=letters, strangers=strangers,
    )  # fmt: skip
    assert {finding.invariant for finding in judge(facts).findings} <= {"LETTERS"}
