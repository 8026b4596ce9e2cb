"""What is read off a partition: which offset may be committed, and what readers see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.partition.events import OffsetCommitted
from consumer.core.partition.model import Partition
from consumer.core.partition.stages import Waiting, Writing
from consumer.core.partition.table import decide
from consumer.core.partition.views import due, own, witness_of
from consumer.core.snapshot import Figures, Own
from tally.ledger.format.witness import Witness, decode
from tally.ledger.state.counts import Counts
from tests_support.consumer.partition_values import (
    GONE,
    LETTER,
    NOW,
    NUMBER,
    OLD,
    REPLAY,
    REPLAYING,
    RULES,
    STAGES,
    TOPIC_ID,
    TROUBLE,
    ledger_at,
    ours,
)

offsets = st.integers(0, 1000)


@given(st.none() | offsets, offsets, st.booleans())
def test_what_is_due_is_durable_and_above_what_is_committed(committed: int | None, durable: int, pending: bool) -> None:
    """An offset due for commit is the durable one and above the committed one, and none is due otherwise (I4, I9)."""
    letters = (LETTER,) if pending else ()
    next_offset = due(ours(OLD, committed=committed, ledger=ledger_at(durable), letters=letters))
    if next_offset is not None:
        assert next_offset == durable
        assert next_offset > (committed or 0)
        assert not pending
    else:
        assert pending or durable <= (committed or 0)


@pytest.mark.parametrize("partition", [each for each in STAGES if each.stage != OLD], ids=lambda each: str(each.stage))
def test_nothing_is_due_of_a_partition_that_is_not_read(partition: Partition) -> None:
    """A partition that is not being read has no offset to commit, as others may own it already."""
    assert due(partition) is None


@pytest.mark.parametrize(
    "partition", [ours(OLD, TROUBLE, trouble=TROUBLE), ours(OLD, REPLAYING, replay=REPLAY)], ids=["trouble", "replay"]
)
def test_nothing_is_due_while_it_replays_or_is_in_trouble(partition: Partition) -> None:
    """A partition that replays or is in trouble has no offset to commit (I9)."""
    assert due(partition) is None


def test_nothing_is_due_past_poison_whose_dead_letter_is_missing() -> None:
    """While a dead letter is missing no offset is due: only the transaction that publishes it may commit (I10)."""
    assert due(ours(OLD, letters=(LETTER,))) is None
    assert due(ours(OLD)) == 10


@given(st.lists(offsets, max_size=20))
def test_the_committed_offset_never_goes_back(answers: list[int]) -> None:
    """The committed offset is the highest one that was answered, in whatever order the answers come (I9)."""
    partition = ours(OLD, committed=None, ledger=ledger_at(1000))
    highest = 0
    for answer in answers:
        partition, _ = decide(partition, OffsetCommitted(answer), NOW, RULES)
        highest = max(highest, answer)
        assert partition.committed == highest


def test_readers_see_the_ledger_as_it_is_fsynced() -> None:
    """The figures shown are those of the fsynced ledger, and there are none without a ledger."""
    assert own(ours(OLD, position=11)) == Own(NUMBER, ours(OLD).shown, Figures(10, Counts(10)), 11)
    assert own(GONE) == Own(NUMBER, GONE.shown)


def test_the_witness_is_of_the_ledgers_next_offset() -> None:
    """The witness of a commit has the counts and chain at the ledger's next offset, with topic id and owner."""
    partition = ours(OLD)
    assert partition.ledger is not None
    witness = decode(witness_of(partition, "http://here"))
    assert isinstance(witness, Witness)
    assert (witness.counts.counted, witness.chain) == (10, partition.ledger.state.chain.value)
    assert (witness.topic_id, witness.owner_url) == (TOPIC_ID, "http://here")


def test_what_waits_or_is_written_keeps_its_figures() -> None:
    """A partition that waits or is being written shows the same figures, so a pause takes nothing out of the total."""
    figures = own(ours(OLD)).figures
    for partition in STAGES:
        if isinstance(partition.stage, Waiting | Writing):
            assert own(partition).figures == figures
