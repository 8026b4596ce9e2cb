"""Waits for a condition, with a deadline. The oracle has its own, since it shares no code with what it judges."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

INTERVAL_S = 0.05


class NotInTimeError(AssertionError):
    """A condition did not become true in time; the message says which, and what was seen last."""


def until(condition: Callable[[], T], timeout_s: float, what: str, retry_on: tuple[type[Exception], ...] = ()) -> T:
    """Return the first truthy value of ``condition()``, which is called at least once. Raises NotInTimeError.

    An exception of ``retry_on`` counts as "not yet". ``what`` completes the sentence "not in time: ...".
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if value := condition():
                return value
            seen = ""
        except retry_on as error:
            seen = f" ({type(error).__name__}: {error})"
        if time.monotonic() >= deadline:
            raise NotInTimeError(f"not in {timeout_s:g} s: {what}{seen}")
        time.sleep(INTERVAL_S)
