"""The witness in a commit's metadata."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.ledger.format.witness import CHARACTERS_MAX, NoWitness, Witness, decode, encode
from tally.ledger.state.counts import Counts

counts = st.integers(0, 2**63)
witnesses = st.builds(
    Witness,
    counts=st.builds(Counts, counts, counts, counts, counts, st.integers(-(10**60), 10**60)),
    chain=st.binary(min_size=16, max_size=16),
    topic_id=st.text(max_size=30),
    fold_version=st.integers(0, 5),
    owner_url=st.text(max_size=100),
)
GOOD = Witness(Counts(5, 1, 2, 3, 10**40), b"c" * 16, "topic-id", 1, "http://127.0.0.1:8000")


@given(witnesses)
def test_a_witness_reads_back_as_it_was_written(witness: Witness) -> None:
    """Any witness decodes from the metadata of a commit as it was encoded."""
    assert decode(encode(witness)) == witness


def test_a_witness_that_no_broker_takes_is_refused() -> None:
    """A witness longer than a broker's limit for metadata raises ValueError, which names the limit."""
    with pytest.raises(ValueError, match=str(CHARACTERS_MAX)):
        encode(replace(GOOD, owner_url="x" * CHARACTERS_MAX))


@pytest.mark.parametrize(
    "text", [None, "", "metadata of somebody else", "[]", "{}", '{"tally":2}', '{"tally":1}', "[" * 5000]
)
def test_what_is_no_witness_is_unreadable_and_says_why(text: str | None) -> None:
    """Missing, foreign or malformed metadata is no witness, and the outcome says why."""
    outcome = decode(text)
    assert isinstance(outcome, NoWitness)
    assert outcome.why


@given(st.data())
def test_a_damaged_witness_is_unreadable_or_another_but_never_an_error(data: st.DataObject) -> None:
    """A changed character in a witness raises nothing, and a witness that was cut is unreadable."""
    text = encode(GOOD)
    at = data.draw(st.integers(0, len(text) - 1))
    decode(text[:at] + data.draw(st.characters()) + text[at + 1 :])
    assert isinstance(decode(text[:at]), NoWitness)
