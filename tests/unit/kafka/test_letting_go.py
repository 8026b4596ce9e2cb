"""Steps of a client that never ends: nobody waits for it beyond a limit."""

import threading
from collections.abc import Iterator

import pytest

from tally.base.deadline import Deadline
from tally.kafka import read_range
from tally.kafka.letting_go import begun, ended_by
from tests_support.waiting import eventually

ENOUGH_S = 60.0


class Endless:
    """A client whose ``close`` waits until ``may_end``, as librdkafka's waits for a broker."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.closes = 0

    def __call__(self, _config: object) -> "Endless":
        return self

    def close(self) -> None:
        """Wait."""
        self.closes += 1
        self.may_end.wait()


@pytest.fixture
def endless() -> Iterator[Endless]:
    client = Endless()
    yield client
    client.may_end.set()


def test_what_does_not_end_is_left_behind_and_what_ends_is_waited_for(endless: Endless) -> None:
    """A step's end is waited for until the deadline, and what did not end by then is told."""
    assert not ended_by(Deadline.after(0.0), endless.close)
    endless.may_end.set()
    assert ended_by(Deadline.after(ENOUGH_S), endless.close)
    done = threading.Event()
    begun(done.set)
    assert done.wait(ENOUGH_S), "a step that nobody waits for is taken, too"


def test_whoever_read_a_partition_waits_no_longer_than_a_limit_for_the_reader(
    endless: Endless, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that does not close, of a lane that reads back or of a recovery, holds its user up for a limit (I12)."""
    monkeypatch.setattr(read_range, "Consumer", endless)
    monkeypatch.setattr(read_range, "_CLOSE_LIMIT_S", 0.01)
    left = threading.Event()

    def read() -> None:
        with read_range.reader({}):
            pass
        left.set()

    threading.Thread(target=read, daemon=True).start()
    eventually(left.is_set, ENOUGH_S, "the reader's user goes on")
    assert endless.closes == 1
