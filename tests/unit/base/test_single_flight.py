"""One question at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tally.base.single_flight import SingleFlight
from tests_support.waiting import eventually

WAIT_S = 20.0


def test_who_comes_while_a_question_is_on_its_way_shares_its_answer() -> None:
    flights: SingleFlight[str, object] = SingleFlight()
    release, asked = threading.Event(), []

    def question() -> object:
        asked.append(1)
        assert release.wait(WAIT_S)
        return object()

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(flights.ask, "key", question)
        eventually(lambda: asked, WAIT_S, "the first question is asked")
        others = [pool.submit(flights.ask, "key", question) for _ in range(3)]
        eventually(pool._work_queue.empty, WAIT_S, "all have come")
        assert flights.ask("other", lambda: 7) == 7, "another question does not wait"
        release.set()
        answers = [each.result(WAIT_S) for each in [first, *others]]
    # One may have come so late that the first answer had landed.
    assert len(set(map(id, answers))) == len(asked) < len(answers)


def test_a_failure_is_shared_and_not_kept() -> None:
    flights: SingleFlight[str, int] = SingleFlight()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        flights.ask("key", fail)
    assert flights.ask("key", lambda: 7) == 7
