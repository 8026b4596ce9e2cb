"""The call queue: joining, leaving, batches, bounds, and what each call is told."""

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.call_queue import CallQueue, Limits, Part
from producer.core.calls import Batch, Call, Placed, Result
from producer.core.idempotency import Known
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


def test_a_second_call_joins_and_both_are_answered() -> None:
    """Calls with the same id and operands share one attempt and its place, and the later ones are duplicates."""
    queue = CallQueue(LANES, LIMITS)
    first, second = join(queue, [addition(2)]), join(queue, [addition(2)])
    batch = taken(queue, 0)
    assert len(batch.attempts) == 1
    third = join(queue, [addition(2)])
    assert queue.committed(batch, [7]) == [first, second, third]
    assert [call.results for call in (first, second, third)] == [
        [Placed(2, 7, False)],
        [Placed(2, 7, True)],
        [Placed(2, 7, True)],
    ]
    assert queue.records == 0


def test_there_is_no_gap_between_flight_and_cache() -> None:
    """A committed id is answered by the queue until it is forgotten there, and by the cache from then on."""
    queue = CallQueue(LANES, LIMITS)
    join(queue, [addition(2)])
    batch = taken(queue, 0)
    queue.committed(batch, [7])
    assert join(queue, [addition(2)]).results == [Placed(2, 7, True)]
    queue.forget(batch)
    cached: dict[bytes, Known] = {addition(2).request_id: (1, 2, 7)}
    assert join(queue, [addition(2)], known=cached).results == [Placed(2, 7, True)]
    assert outcome_of(join(queue, [addition(2, a=9)], known=cached))[0] is Reason.REQUEST_ID_REUSED


def test_other_operands_are_refused_whatever_the_id_s_stage() -> None:
    """An id that waits, is in hand or is committed is refused for other operands."""
    queue = CallQueue(LANES, LIMITS)
    join(queue, [addition(2)])
    seen = [outcome_of(join(queue, [addition(2, a=9)]))]
    batch = taken(queue, 0)
    seen.append(outcome_of(join(queue, [addition(2, a=9)])))
    queue.committed(batch, [7])
    seen.append(outcome_of(join(queue, [addition(2, a=9)])))
    assert seen == [(Reason.REQUEST_ID_REUSED, Outcome.NOT_COMMITTED)] * 3


def test_an_id_twice_in_one_batch_joins_itself() -> None:
    """An id that a batch has twice is a duplicate, or refused for other operands, and the rest is answered as usual."""
    queue = CallQueue(LANES, LIMITS)
    call = join(queue, [addition(2), addition(2), addition(2, a=9), addition(3)])
    assert call.open_count == 3
    assert queue.committed(taken(queue, 0), [7]) == []
    assert queue.committed(taken(queue, 1), [4]) == [call]
    assert call.results[0] == Placed(2, 7, False)
    assert call.results[1] == Placed(2, 7, True)
    assert outcome_of(call, 2)[0] is Reason.REQUEST_ID_REUSED
    assert call.results[3] == Placed(3, 4, False)


def test_one_caller_s_leave_never_ends_the_attempt_of_another() -> None:
    """A caller that leaves is told what is known, and one that shares the attempt is still answered."""
    queue = CallQueue(LANES, LIMITS)
    gone, stays = join(queue, [addition(2)]), join(queue, [addition(2)])
    queue.leave(gone)
    assert outcome_of(gone) == (Reason.DEADLINE_EXCEEDED, Outcome.UNKNOWN)
    assert queue.committed(taken(queue, 0), [7]) == [stays]

    alone = join(queue, [addition(4)])
    queue.leave(alone)
    assert outcome_of(alone) == (Reason.DEADLINE_EXCEEDED, Outcome.NOT_COMMITTED)
    assert queue.take(0) is None

    in_hand = join(queue, [addition(6)])
    batch = taken(queue, 0)
    queue.leave(in_hand)
    assert outcome_of(in_hand) == (Reason.DEADLINE_EXCEEDED, Outcome.UNKNOWN)
    assert queue.committed(batch, [8]) == []
    assert queue.records == 0


def test_an_aborted_batch_is_tried_again_in_order_and_before_others() -> None:
    """An aborted batch goes back to the front of the queue in its old order."""
    queue = CallQueue(LANES, LIMITS)
    for number in (2, 4, 6, 8):
        join(queue, [addition(number)])
    batch = taken(queue, 0)
    assert queue.not_committed(0, batch, ABORTED, 1.0, retry=True) == []
    assert [attempt.addition.request_id[-1] for attempt in taken(queue, 0).attempts] == [2, 4, 6]
    assert [attempt.addition.request_id[-1] for attempt in taken(queue, 0).attempts] == [8]


def test_not_committed_is_answered_only_when_nobody_keeps_the_attempt_alive() -> None:
    """A call without time left is told not-committed only when no other call keeps the attempt alive (I11)."""
    queue = CallQueue(LANES, LIMITS)
    short, long = join(queue, [addition(2)], deadline_s=1.5), join(queue, [addition(2)], deadline_s=50)
    assert queue.not_committed(0, taken(queue, 0), ABORTED, 1.0, retry=True) == []
    queue.leave(short)
    assert outcome_of(short) == (Reason.DEADLINE_EXCEEDED, Outcome.UNKNOWN)
    assert queue.not_committed(0, taken(queue, 0), ABORTED, 49.5, retry=True) == [long]
    assert outcome_of(long) == (Reason.TRANSACTION_ABORTED, Outcome.NOT_COMMITTED)
    fresh = join(queue, [addition(2)])
    assert fresh.open_count == 1, "the id is free again"


def test_fenced_and_unknown_batches_are_answered_at_once() -> None:
    """A fenced batch and one of unknown outcome are answered at once, and neither is tried again."""
    queue = CallQueue(LANES, LIMITS)
    fenced = join(queue, [addition(2)])
    assert queue.not_committed(0, taken(queue, 0), refusals.fenced(), 1.0, retry=False) == [fenced]
    unknown = join(queue, [addition(2)])
    assert queue.unknown(taken(queue, 0), refusals.unresolved("x")) == [unknown]
    assert outcome_of(unknown) == (Reason.COMMIT_UNRESOLVED, Outcome.UNKNOWN)


def test_both_bounds_refuse_with_a_time_to_retry() -> None:
    """Too many additions or bytes in the queue are refused with a delay for the retry, until calls are settled."""
    queue = CallQueue(LANES, Limits(records_max=2, bytes_max=25, batch_records_max=9))
    assert queue.refusal(2, 25) is None
    call = join(queue, [addition(2), addition(2)])
    assert queue.refusal(0, 5) is None
    for refusal in (queue.refusal(1, 1), queue.refusal(0, 6)):
        assert refusal is not None
        assert refusal.reason is Reason.QUEUE_FULL
        assert refusal.retry_after_s
    queue.leave(call)
    assert queue.refusal(2, 25) is None


def test_close_answers_everybody_and_a_late_commit_harms_nobody() -> None:
    """A queue that closes answers every call by what is known and accepts none; a late commit changes nothing."""
    queue = CallQueue(LANES, LIMITS)
    in_hand = join(queue, [addition(2)])
    batch = taken(queue, 0)
    queued = join(queue, [addition(4)])
    assert set(queue.close()) == {in_hand, queued}
    assert outcome_of(in_hand) == (Reason.STOPPING, Outcome.UNKNOWN)
    assert outcome_of(queued) == (Reason.STOPPING, Outcome.NOT_COMMITTED)
    assert queue.committed(batch, [7]) == []
    queue.forget(batch)
    refused = queue.refusal(1, 1)
    assert refused is not None
    assert refused.reason is Reason.STOPPING


class RoomMachine(RuleBasedStateMachine):
    """Calls come, leave and are answered in any order; the log is a set of committed ids, as Kafka would have it."""

    calls: Bundle[Call] = Bundle("calls")
    hands: Bundle[tuple[int, Batch]] = Bundle("hands")

    def __init__(self) -> None:
        super().__init__()
        self.queue = CallQueue(LANES, LIMITS)
        self.now_s = 0.0
        self.log: dict[bytes, tuple[Addition, int]] = {}
        self.everybody: list[tuple[Call, list[Addition], list[Part] | None]] = []
        self.in_hand: set[bytes] = set()

    @rule(
        target=calls,
        numbers=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 2)), min_size=1, max_size=5),
        patience_s=st.floats(0.1, 5),
        as_columns=st.booleans(),
    )
    def comes(self, numbers: list[tuple[int, int]], patience_s: float, as_columns: bool) -> Call:
        additions = [addition(number, a) for number, a in numbers]
        known = {key: (one.a, one.b, offset) for key, (one, offset) in self.log.items()}
        if as_columns:
            call, parts = join_columns(self.queue, additions, self.now_s + patience_s, known)
            self.everybody.append((call, additions, parts))
        else:
            call = join(self.queue, additions, self.now_s + patience_s, known)
            self.everybody.append((call, additions, None))
        return call

    @rule(call=consumes(calls))
    def leaves(self, call: Call) -> None:
        self.queue.leave(call)
        assert call.open_count == 0

    @rule(seconds=st.floats(0, 2))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(target=hands, lane=st.integers(0, LANES - 1))
    def is_taken(self, lane: int) -> tuple[int, Batch] | MultipleResults[tuple[int, Batch]]:
        batch = self.queue.take(lane)
        if batch is None:
            return multiple()
        assert 0 < len(batch) <= LIMITS.batch_records_max
        ids = {one.request_id for one in records_of(batch)}
        assert len(ids) == len(batch)
        assert not ids & self.in_hand, "an id is in one hand only"
        self.in_hand |= ids
        return lane, batch

    def let_go(self, batch: Batch) -> None:
        self.in_hand -= {one.request_id for one in records_of(batch)}

    @rule(hand=consumes(hands))
    def is_committed(self, hand: tuple[int, Batch]) -> None:
        _, batch = hand
        offsets = list(range(len(self.log), len(self.log) + len(batch)))
        for one, offset in zip(records_of(batch), offsets, strict=True):
            assert one.request_id not in self.log, "known ids are not sent again"
            self.log[one.request_id] = (one, offset)
        self.queue.committed(batch, offsets)
        self.queue.forget(batch)
        self.let_go(batch)

    @rule(hand=consumes(hands), retry=st.booleans())
    def is_not_committed(self, hand: tuple[int, Batch], retry: bool) -> None:
        self.let_go(hand[1])
        self.queue.not_committed(hand[0], hand[1], ABORTED, self.now_s, retry=retry)

    @rule(hand=consumes(hands))
    def is_unknown(self, hand: tuple[int, Batch]) -> None:
        self.let_go(hand[1])
        self.queue.unknown(hand[1], refusals.unresolved("x"))

    @invariant()
    def answers_are_true(self) -> None:
        """I1 and I11: what was answered OK is in the log with these operands."""
        for call, additions, parts in self.everybody:
            assert call.open_count == call.results.count(None)
            for result, one in zip(_results(call, parts), additions, strict=True):
                if isinstance(result, Placed):
                    assert self.log[one.request_id] == (one, result.offset)

    @invariant()
    def memory_is_bounded(self) -> None:
        """I12: the count of what waits is that of the calls that wait."""
        waiting = [call for call, _, _ in self.everybody if call.open_count]
        assert self.queue.records == sum(call.records for call in waiting)
        if not waiting:
            assert all(self.queue.waiting(lane) == 0 for lane in range(LANES))

    def teardown(self) -> None:
        """I11: an id all of whose attempts were answered not-committed never appears, whatever happens later."""
        for lane in range(LANES):
            while (batch := self.queue.take(lane)) is not None:
                self.is_committed((lane, batch))
        self.answers_are_true()
        by_addition: dict[Addition, list[object]] = {}
        for call, additions, parts in self.everybody:
            for result, one in zip(_results(call, parts), additions, strict=True):
                by_addition.setdefault(one, []).append(result)
        for one, results in by_addition.items():
            if all(isinstance(each, Refusal) and each.outcome is Outcome.NOT_COMMITTED for each in results):
                assert self.log.get(one.request_id, (None, 0))[0] != one


def _results(call: Call, parts: Sequence[Part] | None) -> list[Result | None]:
    return call.results if parts is None else by_row(call, parts)


TestRoomMachine = RoomMachine.TestCase
TestRoomMachine.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
