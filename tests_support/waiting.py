"""Waiting on a condition with a deadline: the only place in the tests that sleeps."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_INTERVAL_S = 0.05


class NotInTimeError(AssertionError):
    """The condition did not come true before its deadline; the message tells what was awaited and seen last."""


def eventually(
    condition: Callable[[], T | None],
    timeout_s: float,
    what: str | Callable[[], str],
    *,
    retry_on: tuple[type[BaseException], ...] = (),
    interval_s: float = POLL_INTERVAL_S,
) -> T:
    """Return the first truthy value of ``condition()``, asked every ``interval_s`` until ``timeout_s`` have passed.

    ``what`` completes the sentence "not in time: ..."; a function is called when the time is over, for what is only
    known then, such as a log. An exception of ``retry_on`` counts as "not yet"; any other one ends the wait at once.
    The condition is asked at least once, also with a deadline of 0.
    Raises NotInTimeError.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = condition()
            seen = f"last seen: {value!r}"
            if value:
                return value
        except retry_on as error:
            seen = f"last error: {type(error).__name__}: {error}"
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            awaited = what if isinstance(what, str) else what()
            raise NotInTimeError(f"not in {timeout_s} s: {awaited} ({seen[:500]})")
        time.sleep(min(interval_s, remaining_s))


async def eventually_async(condition: Callable[[], bool], timeout_s: float) -> None:
    """Wait in an event loop until ``condition()`` holds, asked every millisecond. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.001)


def pause(duration_s: float) -> None:
    """Let other processes run for a while.

    For faults that happen at a moment drawn from a seed and for retry delays of a client; never to wait for a result.
    """
    time.sleep(duration_s)


async def pause_async(duration_s: float) -> None:
    """Let time pass in an event loop: the delay of a simulated network; never to wait for a result."""
    await asyncio.sleep(duration_s)
