"""Which offsets are committed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.commit_rules import Progress, acknowledge, due
from consumer.core.partition_state import Paused, Recovering, Refused, Running, State, Unassigned

offsets = st.integers(0, 1000)


@given(st.none() | offsets, offsets, st.booleans())
def test_what_is_due_is_durable_and_above_what_is_committed(committed: int | None, durable: int, pending: bool) -> None:
    next_offset = due(Running(), Progress(committed, durable, pending))
    if next_offset is not None:
        assert next_offset == durable
        assert next_offset > (committed or 0)
        assert not pending


@pytest.mark.parametrize("state", [Unassigned(), Recovering("replay"), Paused("why"), Refused("why", "cure")])
def test_nothing_is_due_of_a_partition_that_is_not_running(state: State) -> None:
    assert due(state, Progress(None, 10)) is None


def test_nothing_is_due_past_poison_whose_dead_letter_is_missing() -> None:
    assert due(Running(), Progress(3, 10, poison_pending=True)) is None
    assert due(Running(), Progress(3, 10)) == 10


@given(st.lists(offsets, max_size=20))
def test_the_committed_offset_never_goes_back(answers: list[int]) -> None:
    progress = Progress(None, 1000)
    highest = 0
    for answer in answers:
        acknowledge(progress, answer)
        highest = max(highest, answer)
        assert progress.committed == highest


def test_a_commit_past_what_is_durable_breaks_an_invariant() -> None:
    with pytest.raises(AssertionError, match="I4"):
        acknowledge(Progress(None, 5), 6)
