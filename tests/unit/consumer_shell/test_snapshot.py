"""Totals over all partitions from what is known of each."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.open_transactions import Held
from consumer.core.partition.state import Paused, Recovering, Refused, Running, State, StateName, Unassigned
from consumer.core.snapshot import (
    Elsewhere,
    Figures,
    Outside,
    Own,
    Snapshot,
    Unready,
    empty_snapshot,
    lag_of,
    next_offset_of,
    total_of,
    unready_partitions,
)
from tally.ledger.state.counts import Counts

STATES: list[State] = [Unassigned(), Recovering("x"), Running(), Paused("why"), Refused("why", "cure")]
figures = st.builds(
    Figures,
    next_offset=st.integers(0, 10**6),
    counts=st.builds(Counts, *[st.integers(0, 10**6)] * 4, st.integers(-(10**60), 10**60)),
)


def at(next_offset: int, total: int = 0) -> Figures:
    return Figures(next_offset, Counts(1, total=total))


@given(st.lists(st.tuples(st.sampled_from(STATES), st.none() | figures, st.none() | figures), min_size=1, max_size=12))
def test_a_total_is_the_sum_over_its_own_partitions(parts: list[tuple[State, Figures | None, Figures | None]]) -> None:
    """Whatever is known of the partitions, a total is the sum of the figures that the same answer shows for each."""
    snapshot = Snapshot(1, tuple(Own(n, state, own) for n, (state, own, _) in enumerate(parts)), assigned=True)
    outside = Outside(elsewhere={n: Elsewhere(w, "http://x") for n, (_, _, w) in enumerate(parts) if w is not None})
    total = total_of(snapshot, outside)
    known = [part.figures for part in total.partitions if part.figures is not None]
    assert total.counts.total == sum(figure.counts.total for figure in known)
    assert total.counts.counted == sum(figure.counts.counted for figure in known)
    assert total.complete == all(part.known for part in total.partitions)


def test_a_total_is_complete_only_when_every_partition_is_known() -> None:
    """A total is complete when each partition is counted here or known by another replica's witness, and not before."""
    ours = Own(0, Running(), at(5, 10))
    assert total_of(Snapshot(1, (ours, Own(1, Unassigned()))), Outside()).complete is False
    witnessed = Outside(elsewhere={1: Elsewhere(at(7, 32), "http://other")})
    total = total_of(Snapshot(1, (ours, Own(1, Unassigned()))), witnessed)
    assert (total.complete, total.counts.total) == (True, 42)
    assert [part.state for part in total.partitions] == [StateName.RUNNING, StateName.ELSEWHERE]


def test_a_refused_partition_makes_the_total_incomplete_although_its_figures_are_shown() -> None:
    """A refused partition still contributes its last figures to the total, which is marked incomplete."""
    total = total_of(Snapshot(1, (Own(0, Refused("rot", "cure"), at(5, 10)),)), Outside())
    assert (total.complete, total.counts.total) == (False, 10)


def test_a_ledger_that_is_rebuilt_does_not_make_the_total_smaller() -> None:
    """While a ledger is rebuilt, the committed witness stands in for it, so total and next offset do not go back."""
    rebuilding = Snapshot(1, (Own(0, Recovering("replaying"), at(3, 30)),))
    outside = Outside(elsewhere={0: Elsewhere(at(9, 90), "http://x")})
    assert total_of(rebuilding, outside).counts.total == 90
    assert next_offset_of(rebuilding, outside, 0) == 9


def test_lag_is_measured_from_the_position_which_passes_commit_markers() -> None:
    """Lag counts from the reading position, which passes commit markers, and is unknown without a log end."""
    outside = Outside(last_stable={0: 11}, high_watermark={0: 12})
    assert lag_of(Own(0, Running(), at(10)), outside) == 2
    assert lag_of(Own(0, Running(), at(10), position=12), outside) == 0
    assert lag_of(Own(0, Running(), at(10)), Outside()) is None


def test_lag_counts_what_stands_behind_an_open_transaction() -> None:
    """A ledger that has all up to the last stable offset lags by what the log has behind it."""
    own = Own(0, Running(), at(10), position=12)
    assert lag_of(own, Outside(last_stable={0: 12}, high_watermark={0: 60})) == 48


def test_a_partition_that_a_strangers_transaction_holds_up_is_a_reason_where_it_is_ours() -> None:
    """Readiness names our partition, the reason and the cure; another replica's is no reason here."""
    held = Held(34.0, "waits for a transaction", "end it")
    snapshot = Snapshot(1, (Own(0, Running(), at(1)), Own(1, Unassigned())), assigned=True)
    told = unready_partitions(snapshot, Outside(held={0: held, 1: held}))
    assert told == [Unready("partition 0", "waits for a transaction", "end it")]


def test_readiness_tells_every_reason() -> None:
    """A replica without an assignment, or with a paused or refused partition, is not ready and gives every reason."""
    assert [one.part for one in unready_partitions(empty_snapshot(3), Outside())] == ["group"]
    parts = (Own(0, Running(), at(1)), Own(1, Paused("full")), Own(2, Refused("rot", "move it")), Own(3, Unassigned()))
    reasons = unready_partitions(Snapshot(1, parts, assigned=True), Outside())
    assert [(one.part, one.cure) for one in reasons] == [("partition 1", None), ("partition 2", "move it")]
