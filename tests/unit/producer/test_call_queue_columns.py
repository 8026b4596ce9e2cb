"""Columns in the call queue: they wait as blocks, and are joined, left and answered row by row."""

from producer.core.call_queue import CallQueue
from producer.core.calls import Placed
from producer.core.refusals import Outcome, Reason, Refusal
from tests_support.producer.queued import (
    ABORTED,
    LANES,
    LIMITS,
    addition,
    by_row,
    join,
    join_columns,
    outcome_of,
    records_of,
    taken,
)


def test_columns_travel_as_blocks_that_fit_a_transaction() -> None:
    """New ids of columns wait as blocks of their lane, each no larger than a transaction, and get their own offsets."""
    queue = CallQueue(LANES, LIMITS)
    additions = [addition(number) for number in (1, 2, 4, 6, 8, 3)]
    call, parts = join_columns(queue, additions)
    assert (queue.records, queue.waiting(0), queue.waiting(1)) == (6, 4, 2)
    batches = [taken(queue, 0), taken(queue, 0), taken(queue, 1)]
    assert [[one.request_id[-1] for one in records_of(batch)] for batch in batches] == [[2, 4, 6], [8], [1, 3]]
    assert not any(batch.attempts for batch in batches)
    assert queue.committed(batches[0], [10, 11, 12]) == []
    assert queue.committed(batches[1], [13]) == []
    assert queue.committed(batches[2], [20, 21]) == [call]
    places = [(each.partition, each.offset) for each in by_row(call, parts) if isinstance(each, Placed)]
    assert places == [(1, 20), (2, 10), (4, 11), (6, 12), (8, 13), (3, 21)]
    assert (queue.records, queue.waiting(0), queue.waiting(1)) == (0, 0, 0)


def test_an_id_in_a_block_is_joined_and_outlives_the_columns_that_brought_it() -> None:
    """Who joins a row of a block gets that row's place, or ALREADY_EXISTS; the block lives while anybody wants it."""
    queue = CallQueue(LANES, LIMITS)
    owner, parts = join_columns(queue, [addition(2), addition(4), addition(4), addition(4, a=9)])
    other, wrong = join(queue, [addition(4)]), join(queue, [addition(2, a=9)])
    assert outcome_of(wrong) == (Reason.REQUEST_ID_REUSED, Outcome.NOT_COMMITTED)
    queue.leave(owner)
    results = by_row(owner, parts)
    assert [each.outcome for each in results if isinstance(each, Refusal)] == [Outcome.UNKNOWN] * 3 + [
        Outcome.NOT_COMMITTED
    ]
    batch = taken(queue, 0)
    assert queue.committed(batch, [7, 8]) == [other]
    assert other.results == [Placed(4, 8, True)]
    late, late_parts = join_columns(queue, [addition(2), addition(4, a=9)])
    assert late.open_count == 0
    queue.forget(batch)
    assert by_row(late, late_parts)[0] == Placed(2, 7, True)
    assert outcome_of(late, 1) == (Reason.REQUEST_ID_REUSED, Outcome.NOT_COMMITTED)


def test_columns_that_nobody_waits_for_are_dropped_from_the_queue() -> None:
    """Columns whose caller is gone before a lane took them leave nothing behind, and are told as not committed."""
    queue = CallQueue(LANES, LIMITS)
    call, parts = join_columns(queue, [addition(2), addition(4), addition(2)])
    queue.leave(call)
    assert {each.outcome for each in by_row(call, parts) if isinstance(each, Refusal)} == {Outcome.NOT_COMMITTED}
    assert (queue.records, queue.waiting(0), queue.take(0)) == (0, 0, None)


def test_a_block_and_single_additions_share_a_transaction_in_the_order_in_which_they_came() -> None:
    """A transaction takes what came first and fits; a block is not torn, and waits for the next one."""
    queue = CallQueue(LANES, LIMITS)
    join(queue, [addition(2)])
    join_columns(queue, [addition(4), addition(6)])
    columns, parts = join_columns(queue, [addition(8), addition(10)])
    single = join(queue, [addition(12)])
    assert queue.waiting(0) == 6
    first = taken(queue, 0)
    assert [one.request_id[-1] for one in records_of(first)] == [2, 4, 6]
    queue.not_committed(0, first, ABORTED, 0.0, retry=True)
    assert queue.waiting(0) == 6
    assert [one.request_id[-1] for one in records_of(taken(queue, 0))] == [2, 4, 6]
    last = taken(queue, 0)
    assert [one.request_id[-1] for one in records_of(last)] == [12, 8, 10]
    assert queue.waiting(0) == 0
    assert set(queue.committed(last, [30, 31, 32])) == {columns, single}
    assert single.results == [Placed(12, 30, False)]
    assert by_row(columns, parts) == [Placed(8, 31, False), Placed(10, 32, False)]
