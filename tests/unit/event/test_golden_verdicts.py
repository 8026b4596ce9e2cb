"""The verdicts on good and foreign records, as they were recorded: a ledger is the same for everybody, for ever."""

from collections import Counter

import pytest

from tally.event.codes import REASON_NAMES
from tests_support.consumer.golden_records import Case
from tests_support.consumer.verdict_corpus import Told, consumer_schemas, read_corpus, told_by_consumer

SCHEMAS, RECORDS = read_corpus()


def test_no_verdict_of_the_consumer_changes() -> None:
    """Each record of the corpus, read in one batch with all others, has the row that was recorded for it."""
    cases = [case for case, _ in RECORDS]
    told = told_by_consumer(cases, consumer_schemas(SCHEMAS))
    assert {c.name: t for c, t in zip(cases, told, strict=True)} == {case.name: verdict for case, verdict in RECORDS}


@pytest.mark.parametrize(("case", "verdict"), RECORDS, ids=[case.name for case, _ in RECORDS])
def test_a_record_has_its_verdict_alone_as_well(case: Case, verdict: Told) -> None:
    """Each record of the corpus has the recorded row also when it is read alone."""
    assert told_by_consumer([case], consumer_schemas(SCHEMAS)) == [verdict]


def test_the_corpus_has_every_reason() -> None:
    """The corpus has records of every reason of the contract, and good ones."""
    assert set(Counter(verdict.reason for _, verdict in RECORDS)) == set(REASON_NAMES)
