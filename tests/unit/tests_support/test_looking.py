"""What watches a system beside a test sees until the end, or fails the test."""

import threading
from typing import cast

import pytest

from oracle.facts import Committed
from oracle.history import History
from oracle.kafka_reading import UnreadableError
from oracle.reading import System
from tests_support.looking import Looking
from tests_support.running import faults
from tests_support.running.faults import Watch
from tests_support.waiting import eventually

NOWHERE = System(kafka="", registry_url="", ledgers=[], rest_urls=[])


def test_a_look_that_fails_is_told_at_the_stop() -> None:
    """An error of a watch is raised when it is stopped, so that a watch that died is not taken for clean."""
    failed = threading.Event()

    def look() -> None:
        failed.set()
        raise KeyError("count")

    looking = Looking(look, 0.0)
    looking.start()
    assert failed.wait(10)
    with pytest.raises(KeyError, match="count"):
        looking.stop()


def test_it_looks_again_and_again_until_the_stop() -> None:
    """A watch looks repeatedly, and no more once it was stopped."""
    looks: list[int] = []
    looking = Looking(lambda: looks.append(1), 0.0)
    looking.start()
    eventually(lambda: len(looks) > 3, 10, "it has looked some times")
    looking.stop()
    seen = len(looks)
    looking.stop()
    assert len(looks) == seen


def test_a_broker_that_is_away_for_a_moment_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka and REST are killed under it, and what they show afterwards is what counts."""
    answers = [UnreadableError("Kafka does not answer"), {3: Committed(offset=7, witness=None)}]

    def committed(*_: object) -> dict[int, Committed]:
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return cast("dict[int, Committed]", answer)

    def rest(_: System) -> dict[str, object]:
        raise ConnectionError("refused")

    monkeypatch.setattr(faults, "read_committed_offsets", committed)
    monkeypatch.setattr(faults, "rest_total", rest)
    history = History()
    with Watch(NOWHERE, history, interval_s=0.0):
        eventually(history.watermarks, 10, "it has seen a commit")
    assert (history.watermarks()[0].partition, history.watermarks()[0].next_offset) == (3, 7)
