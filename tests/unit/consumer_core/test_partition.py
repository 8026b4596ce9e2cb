"""The decision table of a partition: each row, what has no row, and what the document says of it."""

import pytest

from consumer.core.partition.events import Assigned, Event, OffsetCommitted
from consumer.core.partition.model import IllegalEvent, Partition
from consumer.core.partition.table import decide
from tests_support.consumer.partition_document import documented, shown_way, stage_way
from tests_support.consumer.partition_rows import ROWS, is_late, without_a_row
from tests_support.consumer.partition_values import EVENTS, NOW, OLD, RULES, TableRow, ours


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_a_row(row: TableRow) -> None:
    """In this stage, this event leads there, by these actions."""
    assert decide(row.before, row.event, row.now_s, RULES) == (row.after, row.actions)


def test_the_names_of_rows_are_told_apart() -> None:
    """A mutant names its row."""
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_there_is_an_event_of_each_kind() -> None:
    """So nothing is left out of what has no row."""
    assert {type(event) for event in EVENTS} == set(Event.__args__)


@pytest.mark.parametrize(
    ("partition", "event"),
    list(without_a_row()),
    ids=lambda value: type(value.stage).__name__ if isinstance(value, Partition) else type(value).__name__,
)
def test_what_has_no_row_changes_nothing_or_is_a_defect(partition: Partition, event: Event) -> None:
    """What may come late is ignored; what cannot happen raises instead of being guessed at."""
    if is_late(partition, event) and not isinstance(event, OffsetCommitted):
        assert decide(partition, event, NOW, RULES) == (partition, ())
    elif is_late(partition, event):
        after, actions = decide(partition, event, NOW, RULES)
        assert (after.stage, after.shown, actions) == (partition.stage, partition.shown, ())
    else:
        with pytest.raises(IllegalEvent, match=f"{type(event).__name__} in stage"):
            decide(partition, event, NOW, RULES)


def test_a_partition_that_is_ours_is_not_assigned_again() -> None:
    """Two users of one ledger would be the end of it."""
    with pytest.raises(IllegalEvent):
        decide(ours(OLD), Assigned(), NOW, RULES)


def test_a_commit_past_what_is_durable_breaks_an_invariant() -> None:
    """I4: the group can only have what is fsynced."""
    with pytest.raises(AssertionError, match="I4"):
        decide(ours(OLD), OffsetCommitted(11), NOW, RULES)


def test_the_stages_of_the_document_are_the_tables() -> None:
    """Neither has a way from one stage to another that the other lacks."""
    ways = {way for row in ROWS if (way := stage_way(row.before, row.after)) is not None}
    assert ways == documented("stages of a partition")


def test_the_states_of_the_document_are_the_tables() -> None:
    """Neither has a way from one state that REST shows to another that the other lacks."""
    ways = {way for row in ROWS if (way := shown_way(row.before, row.after)) is not None}
    assert ways == documented("states of a partition")
