"""What a dead letter may decide: only what its very record cannot tell any more."""

import pytest

from tally.base.framing import frame
from tally.event.claims import NO_CLAIMS, Claim, Claims
from tally.event.codes import FRAMING, UNDECODABLE, UNKNOWN_SCHEMA, UNREADABLE_SCHEMA, WRONG_SUM
from tally.event.digest import undecoded
from tests_support.ledger.records import SCHEMA_ID, Record, body, fetched, request_id

ID = request_id(0)
FOREIGN = Record(5, 1, ID, frame(8) + body(ID, 1, 2))
OURS = Record(6, 1, ID, frame(SCHEMA_ID) + body(ID, 1, 2))
JUNK = Record(7, 1, ID, b"junk")


def digest_of(record: Record) -> bytes:
    return undecoded(record.key, record.value)


def claims(offset: int, *said: Claim) -> Claims:
    return Claims({offset: said}, SCHEMA_ID)


@pytest.mark.parametrize("reason", [UNKNOWN_SCHEMA, UNREADABLE_SCHEMA])
def test_what_depends_on_the_registry_is_taken_over(reason: int) -> None:
    """A letter's verdict that its schema was unknown or unreadable stands, as the registry may say otherwise by now."""
    said = claims(5, Claim(reason, digest_of(FOREIGN)))
    assert said.taken_over(fetched([FOREIGN, OURS]), {}) == {5: reason}


@pytest.mark.parametrize("reason", [FRAMING, UNDECODABLE, WRONG_SUM])
def test_what_follows_from_the_bytes_is_decided_again(reason: int) -> None:
    """A letter with a reason that follows from the bytes decides nothing, even with the right digest."""
    assert claims(5, Claim(reason, digest_of(FOREIGN))).taken_over(fetched([FOREIGN]), {}) == {}


def test_a_letter_about_other_bytes_is_ignored() -> None:
    """A letter decides only about a record with its digest."""
    assert claims(5, Claim(UNKNOWN_SCHEMA, bytes(16))).taken_over(fetched([FOREIGN]), {}) == {}


def test_our_own_schema_was_never_unknown() -> None:
    """A letter that says our own schema was unknown is ignored, so copied bytes take no record out of the total."""
    assert claims(6, Claim(UNKNOWN_SCHEMA, digest_of(OURS))).taken_over(fetched([OURS]), {}) == {}


def test_a_schema_that_the_ledger_counted_records_of_was_never_unknown() -> None:
    """A letter that says a schema was unknown is ignored where the ledger's header pins that schema."""
    said = claims(5, Claim(UNKNOWN_SCHEMA, digest_of(FOREIGN)))
    assert said.taken_over(fetched([FOREIGN]), {8: "f" * 64}) == {}


def test_a_record_that_names_no_schema_has_no_unknown_one() -> None:
    """A letter that says the schema was unknown is ignored for a record that names none."""
    assert claims(7, Claim(UNKNOWN_SCHEMA, digest_of(JUNK))).taken_over(fetched([JUNK]), {}) == {}


def test_the_first_letter_about_the_record_decides() -> None:
    """Of several letters about a record the first with its digest decides, so that replicas which rebuild agree."""
    right = digest_of(FOREIGN)
    said = claims(5, Claim(UNREADABLE_SCHEMA, bytes(16)), Claim(UNKNOWN_SCHEMA, right), Claim(UNREADABLE_SCHEMA, right))
    assert said.taken_over(fetched([FOREIGN]), {}) == {5: UNKNOWN_SCHEMA}


def test_a_verdict_is_published_by_a_letter_with_its_reason_and_its_digest() -> None:
    """A verdict counts as published only by a letter with its reason and digest, so no forged one stands for it."""
    said = claims(7, Claim(WRONG_SUM, digest_of(JUNK)), Claim(FRAMING, bytes(16)))
    assert not said.is_published(7, FRAMING, digest_of(JUNK))
    assert said.is_published(7, WRONG_SUM, digest_of(JUNK))
    assert not NO_CLAIMS.is_published(7, FRAMING, digest_of(JUNK))
