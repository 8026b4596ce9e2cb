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
    """Each row of the table leads from its stage and event to its next stage by its actions."""
    assert decide(row.before, row.event, row.now_s, RULES) == (row.after, row.actions)


def test_the_names_of_rows_are_told_apart() -> None:
    """No two rows have the same name, since a mutant names the row that it breaks."""
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_there_is_an_event_of_each_kind() -> None:
    """The sample events have one of each kind, so the test of what has no row leaves none out."""
    assert {type(event) for event in EVENTS} == set(Event.__args__)


@pytest.mark.parametrize(
    ("partition", "event"),
    list(without_a_row()),
    ids=lambda value: type(value.stage).__name__ if isinstance(value, Partition) else type(value).__name__,
)
def test_what_has_no_row_changes_nothing_or_is_a_defect(partition: Partition, event: Event) -> None:
    """An event without a row is ignored if it may come late, and raises IllegalEvent if it cannot happen."""
    if is_late(partition, event) and not isinstance(event, OffsetCommitted):
        assert decide(partition, event, NOW, RULES) == (partition, ())
    elif is_late(partition, event):
        after, actions = decide(partition, event, NOW, RULES)
        assert (after.stage, after.shown, actions) == (partition.stage, partition.shown, ())
    else:
        with pytest.raises(IllegalEvent, match=f"{type(event).__name__} in stage"):
            decide(partition, event, NOW, RULES)


def test_a_partition_that_is_ours_is_not_assigned_again() -> None:
    """Assigning a partition that is ours already raises, since its ledger would have two users."""
    with pytest.raises(IllegalEvent):
        decide(ours(OLD), Assigned(), NOW, RULES)


def test_a_commit_past_what_is_durable_breaks_an_invariant() -> None:
    """A commit beyond the fsynced offset raises AssertionError that names the invariant I4."""
    with pytest.raises(AssertionError, match="I4"):
        decide(ours(OLD), OffsetCommitted(11), NOW, RULES)


def test_the_stages_of_the_document_are_the_tables() -> None:
    """The document's diagram of stages has exactly the transitions of the table."""
    ways = {way for row in ROWS if (way := stage_way(row.before, row.after)) is not None}
    assert ways == documented("stages of a partition")


def test_the_states_of_the_document_are_the_tables() -> None:
    """The document's diagram of the states that REST shows has exactly the transitions of the table."""
    ways = {way for row in ROWS if (way := shown_way(row.before, row.after)) is not None}
    assert ways == documented("states of a partition")
