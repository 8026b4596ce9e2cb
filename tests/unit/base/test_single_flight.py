"""One question at a time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from tally.base.single_flight import SingleFlight
from tests_support.waiting import eventually

ASKERS = 4
WAIT_S = 20.0


def ask_together(
    flights: SingleFlight[str, object], answer: Callable[[], object]
) -> tuple[list[Future[object]], list[int]]:
    """Ask while the first question is on its way; return what each asker got, and an entry for each time it was asked.

    One may come so late that the first answer has landed: it asks again.
    """
    release, asked = threading.Event(), []

    def question() -> object:
        asked.append(1)
        assert release.wait(WAIT_S)
        return answer()

    with ThreadPoolExecutor(ASKERS) as pool:
        first = pool.submit(flights.ask, "key", question)
        eventually(lambda: asked, WAIT_S, "the first question is asked")
        others = [pool.submit(flights.ask, "key", question) for _ in range(ASKERS - 1)]
        eventually(pool._work_queue.empty, WAIT_S, "all have come")
        assert flights.ask("other", lambda: 7) == 7, "another question does not wait"
        release.set()
        wait([first, *others], WAIT_S)
    return [first, *others], asked


def test_who_comes_while_a_question_is_on_its_way_shares_its_answer() -> None:
    """Callers that ask what is being asked already share its answer, and another question does not wait for it."""
    asks, asked = ask_together(SingleFlight(), object)
    assert len({id(each.result()) for each in asks}) == len(asked) < ASKERS


def test_a_failure_is_shared_and_not_kept() -> None:
    """Callers that ask what is being asked already share its error, and whoever comes later asks again."""
    flights: SingleFlight[str, object] = SingleFlight()

    def fail() -> object:
        raise ValueError("no")

    asks, asked = ask_together(flights, fail)
    assert {type(each.exception()) for each in asks} == {ValueError}
    assert len({id(each.exception()) for each in asks}) == len(asked) < ASKERS
    assert flights.ask("key", lambda: 7) == 7
