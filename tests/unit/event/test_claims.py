"""What a dead letter may decide: only what its very record cannot tell any more."""

import pytest

from tally.base.framing import frame
from tally.event.claims import NO_CLAIMS, Claim, Claims
from tally.event.digest import undecoded
from tally.event.rows import FRAMING, UNDECODABLE, UNKNOWN_SCHEMA, UNREADABLE_SCHEMA, WRONG_SUM
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
    """A verdict on a schema that was unknown or unreadable when the record was read stands."""
    said = claims(5, Claim(reason, digest_of(FOREIGN)))
    assert said.taken_over(fetched([FOREIGN, OURS]), {}) == {5: reason}


@pytest.mark.parametrize("reason", [FRAMING, UNDECODABLE, WRONG_SUM])
def test_what_follows_from_the_bytes_is_decided_again(reason: int) -> None:
    """A letter with such a reason decides nothing, though its digest is right."""
    assert claims(5, Claim(reason, digest_of(FOREIGN))).taken_over(fetched([FOREIGN]), {}) == {}


def test_a_letter_about_other_bytes_is_ignored() -> None:
    """The digest must be that of the record which stands there."""
    assert claims(5, Claim(UNKNOWN_SCHEMA, bytes(16))).taken_over(fetched([FOREIGN]), {}) == {}


def test_our_own_schema_was_never_unknown() -> None:
    """A letter with copied bytes of a good record does not take it out of the total."""
    assert claims(6, Claim(UNKNOWN_SCHEMA, digest_of(OURS))).taken_over(fetched([OURS]), {}) == {}


def test_a_schema_that_the_ledger_counted_records_of_was_never_unknown() -> None:
    """What the ledger's header pins is known."""
    said = claims(5, Claim(UNKNOWN_SCHEMA, digest_of(FOREIGN)))
    assert said.taken_over(fetched([FOREIGN]), {8: "f" * 64}) == {}


def test_a_record_that_names_no_schema_has_no_unknown_one() -> None:
    """Junk is FRAMING, whatever a letter says."""
    assert claims(7, Claim(UNKNOWN_SCHEMA, digest_of(JUNK))).taken_over(fetched([JUNK]), {}) == {}


def test_the_first_letter_about_the_record_decides() -> None:
    """So that replicas which rebuild agree."""
    right = digest_of(FOREIGN)
    said = claims(5, Claim(UNREADABLE_SCHEMA, bytes(16)), Claim(UNKNOWN_SCHEMA, right), Claim(UNREADABLE_SCHEMA, right))
    assert said.taken_over(fetched([FOREIGN]), {}) == {5: UNKNOWN_SCHEMA}


def test_a_verdict_is_published_by_a_letter_with_its_reason_and_its_digest() -> None:
    """A forged letter does not stand for our own."""
    said = claims(7, Claim(WRONG_SUM, digest_of(JUNK)), Claim(FRAMING, bytes(16)))
    assert not said.is_published(7, FRAMING, digest_of(JUNK))
    assert said.is_published(7, WRONG_SUM, digest_of(JUNK))
    assert not NO_CLAIMS.is_published(7, FRAMING, digest_of(JUNK))
