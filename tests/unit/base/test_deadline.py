"""One deadline for many steps."""

import time

import pytest

from tally.base.deadline import Deadline


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def test_each_step_gets_what_the_steps_before_it_left() -> None:
    """What is left of a deadline falls as its clock goes on, so later steps get less."""
    clock = Clock(100.0)
    deadline = Deadline.after(10.0, clock)
    assert (deadline.at_s, deadline.left_s()) == (110.0, 10.0)
    clock.now_s = 107.5
    assert deadline.left_s() == 2.5


@pytest.mark.parametrize("now_s", [110.0, 110.5, 1e9])
def test_a_deadline_that_has_passed_leaves_nothing(now_s: float) -> None:
    """A deadline that has passed leaves zero and never less, so it can be given to a wait as its time-out."""
    clock = Clock(100.0)
    deadline = Deadline.after(10.0, clock)
    clock.now_s = now_s
    assert deadline.left_s() == 0.0


def test_a_deadline_is_a_moment_and_not_a_clock() -> None:
    """Two deadlines at the same moment are equal whatever their clocks are, and none can be moved."""
    assert Deadline(5.0, Clock(1.0)) == Deadline(5.0, Clock(2.0))
    with pytest.raises(AttributeError):
        Deadline(5.0).at_s = 6.0  # type: ignore[misc]


def test_the_clock_is_the_monotonic_one_unless_another_is_given() -> None:
    """Without a clock of its own a deadline counts from now on the monotonic clock."""
    before_s = time.monotonic()
    deadline = Deadline.after(1.0)
    assert before_s + 1.0 <= deadline.at_s <= time.monotonic() + 1.0
