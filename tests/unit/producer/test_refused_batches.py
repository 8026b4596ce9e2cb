"""A batch that is refused costs no more than one that is added: bytes and work are counted, not time."""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from google.rpc import error_details_pb2

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.call_queue import CallQueue, Limits
from producer.core.calls import Call, Placed, Result, Waiter
from producer.core.ports import Incoming
from producer.core.refusals import Outcome, Refusal
from producer.shell import responses
from producer.shell.methods import TallyMethods
from producer.shell.rpc_status import status_bytes
from tally.generated.rules import Violation
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.statuses import library_status

NUMBER = 10_000
SLICE = 250
DETAILS_MAX = 100
Texts = tuple[str, str, str]


class AnswersAtOnce:
    """A call queue that answers at once."""

    def __init__(self, result: Callable[[int], Result]) -> None:
        self._result = result

    async def many(self, call: Call, places: Iterable[int], *_: Any) -> None:
        """Fill the places."""
        for place in places:
            call.results[place] = self._result(place)


def placed(place: int) -> Placed:
    return Placed(3, 123_456 + place, False)


def good(number: int) -> Texts:
    return str(uuid.UUID(int=number + (1 << 100))), f"{number}.25", "40.5"


def methods_of(result: Callable[[int], Result] = placed) -> TallyMethods:
    queue: Any = AnswersAtOnce(result)
    return TallyMethods(queue, "tally.sums.v1", 12, NUMBER)


async def answer_to(
    texts: Callable[[int], Texts], result: Callable[[int], Result] = placed
) -> tally_pb2.AddBatchResponse:
    return await answer_of(methods_of(result), texts)


async def answer_of(methods: TallyMethods, texts: Callable[[int], Texts]) -> tally_pb2.AddBatchResponse:
    additions = [tally_pb2.AddRequest(request_id=i, a=a, b=b) for i, a, b in map(texts, range(NUMBER))]
    answer = await methods.add_batch(Incoming(tally_pb2.AddBatchRequest(additions=additions), 10.0, dict))
    assert not isinstance(answer, Refusal)
    return answer


INVALID: dict[str, Callable[[int], Texts]] = {
    "empty": lambda _: ("", "", ""),
    "all wrong, each in its own way": lambda number: (f"x{number}", f"a{number}", f"b{number}"),
    "what is shown longer than it is": lambda number: ("\x01" * 60 + str(number), "\x01" * 60, "\x01" * 60),
    "a sum out of range": lambda number: (good(number)[0], "9" * 29, "9" * 29),
}
REFUSED: dict[str, Refusal] = {
    each.reason: each
    for each in (
        refusals.reused_id(),
        refusals.deadline_exceeded(Outcome.UNKNOWN),
        refusals.aborted("x" * 300),
        refusals.unresolved("x" * 300),
        refusals.fenced(),
        refusals.stopping(Outcome.UNKNOWN),
    )
}
CASES: dict[str, tuple[Callable[[int], Texts], Callable[[int], Result]]] = {
    **{name: (texts, placed) for name, texts in INVALID.items()},
    **{name: (good, lambda _, each=each: each) for name, each in REFUSED.items()},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_of_nothing_but_refusals_is_less_than_twice_one_of_results(name: str) -> None:
    """The answer to a batch of refusals is less than twice as large as one of results, so clients accept it."""
    results = len(asyncio.run(answer_to(good)).SerializeToString())
    refused = asyncio.run(answer_to(*CASES[name]))
    assert len(refused.results) == NUMBER
    assert len(refused.SerializeToString()) < 2 * results


@pytest.mark.parametrize("name", CASES)
def test_each_refusal_says_its_code_reason_and_outcome_and_the_first_ones_all_else(name: str) -> None:
    """Every refusal of a batch has code, reason and outcome, and the first ones have all details as a lone call has."""
    answer = asyncio.run(answer_to(*CASES[name]))
    first = answer.results[0].status
    assert {each.status.code for each in answer.results} == {first.code}
    assert {_info(each.status) for each in answer.results} == {_info(first)}
    if name in REFUSED:
        assert first == library_status(REFUSED[name])
    else:
        bad = error_details_pb2.BadRequest()
        assert any(detail.Unpack(bad) for detail in first.details)
        assert len(bad.field_violations) >= 2
    assert answer.results[-1].status.message == "details are left out"


def _info(status: Any) -> tuple[str, str]:
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason, info.metadata["outcome"]


@pytest.mark.parametrize("name", CASES)
def test_few_statuses_are_made_whatever_the_number_of_refusals(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of refusals builds at most two statuses more than the number that gets details, whatever its size."""
    made: list[Refusal] = []

    def counted(refusal: Refusal) -> bytes:
        made.append(refusal)
        return status_bytes(refusal)

    monkeypatch.setattr(responses, "status_bytes", counted)
    asyncio.run(answer_to(*CASES[name]))
    assert len(made) <= DETAILS_MAX + 2


def test_few_refusals_say_which_fields_are_wrong_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong fields of a refusal are worded only for the refusals that show details."""
    told: list[int] = []
    words = refusals.invalid_fields

    def counted(violations: Sequence[Violation]) -> Refusal:
        told.append(len(violations))
        return words(violations)

    monkeypatch.setattr(refusals, "invalid_fields", counted)
    asyncio.run(answer_to(INVALID["all wrong, each in its own way"]))
    assert told == [3] * DETAILS_MAX


@pytest.mark.parametrize("batches", [1, 5])
@pytest.mark.parametrize("texts", [good, INVALID["empty"]], ids=["good", "empty"])
def test_other_calls_have_their_turns_while_batches_are_checked_and_answered(
    texts: Callable[[int], Texts], batches: int
) -> None:
    """Other calls get a turn of the event loop for each slice of each batch, at its check and at its answer."""

    async def turns_of_others() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        methods = methods_of()
        await asyncio.gather(*(answer_of(methods, texts) for _ in range(batches)))
        task.cancel()
        return turns

    assert asyncio.run(turns_of_others()) >= batches * 2 * NUMBER // SLICE


class Counted(list[Waiter]):
    """A list that counts who looks at its items."""

    looks = 0

    def __iter__(self) -> Iterator[Waiter]:
        for each in super().__iter__():
            Counted.looks += 1
            yield each


def test_leaving_costs_a_call_its_own_additions_however_many_others_wait_for_the_same_id() -> None:
    """When many calls that share an id leave one by one, each waiter is looked at only a few times in all."""
    calls_max, same = 200, 100
    queue = CallQueue(1, Limits(records_max=calls_max * same, bytes_max=1_000_000, batch_records_max=10))
    addition = Addition(bytes(16), 1, 2)
    calls = [Call([None] * same, 1.0, 10) for _ in range(calls_max)]
    for call in calls:
        queue.join(call, range(same), [addition] * same, [None] * same, [0] * same)
    attempt = calls[0].attempts[0]
    Counted.looks = 0
    for call in calls[:-1]:
        if not isinstance(attempt.waiters, Counted):
            attempt.waiters = Counted(attempt.waiters)
        queue.leave(call)
        assert call.results == [refusals.deadline_exceeded(Outcome.UNKNOWN)] * same
    assert Counted.looks <= 4 * calls_max * same
    assert attempt.waiting == same
    assert len(attempt.waiters) <= 4 * same, "who has left is forgotten"
    queue.leave(calls[-1])
    assert calls[-1].results == [refusals.deadline_exceeded(Outcome.NOT_COMMITTED)] * same
    assert (queue.records, queue.waiting(0)) == (0, 0)
