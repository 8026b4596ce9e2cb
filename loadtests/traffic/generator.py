"""Makes the load of a profile: users who think (closed), or calls at a rate (open); measures each second.

Theory of operation. One event loop. A *user* is a task that calls, waits for the answer, thinks, and ends when there
are more users than the profile wants. In an open profile calls are started when they are due, each as a task of its
own; when ``IN_FLIGHT_MAX`` are under way the next is dropped and counted. Once a second the window is closed.
"""

import asyncio
import itertools
import math
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from loadtests.traffic.measures import Second, Window
from loadtests.traffic.operations import Operations
from loadtests.traffic.profiles import Operation, Profile, Threshold

IN_FLIGHT_MAX: Final = 5_000
_TICK_S: Final = 0.005
_USERS_EVERY_S: Final = 0.1
_SECOND_S: Final = 1.0
BREAK_WINDOW_S: Final = 5  # a threshold breaks over these seconds: one slow second is no breakpoint
THINK_SIGMA: Final = 0.8
THINK_FACTOR_MAX: Final = 8.0
_END_GRACE_S: Final = 35.0  # a call has 30 s


@dataclass
class Load:
    """What a run did: all of it as one window, second by second, and how it ended."""

    whole: Window = field(default_factory=Window)
    seconds: list[Second] = field(default_factory=list)
    broken: tuple[str, ...] = ()
    held: Window | None = None
    """The last ``BREAK_WINDOW_S`` seconds in which all thresholds held, in a profile that ends when one does not."""
    lasted_s: float = 0.0


class Generator:
    """See the module's theory of operation."""

    def __init__(
        self, profile: Profile, operations: Operations, rng: random.Random, cpu: Callable[[], dict[str, float]]
    ) -> None:
        self._profile = profile
        self._operations = operations
        self._rng = rng
        self._cpu = cpu
        self._names = [name for name, _ in profile.weights]
        self._cumulative = list(itertools.accumulate(weight for _, weight in profile.weights))
        self._first = self._names[::-1]
        self._tasks: set[asyncio.Task[None]] = set()
        self._users_wanted = 0
        self._users = 0
        self._lag_s = 0.0
        self._defect: BaseException | None = None
        self._load = Load()

    async def run(self) -> Load:
        """Run the profile to its end, or to the first broken threshold where it says so."""
        started_s = time.perf_counter()
        pace = asyncio.create_task(self._open(started_s) if self._profile.open else self._closed(started_s))
        watch = asyncio.create_task(self._watch(started_s))
        done, _ = await asyncio.wait({pace, watch}, return_when=asyncio.FIRST_COMPLETED)
        self._users_wanted = 0
        pace.cancel()
        self._load.lasted_s = time.perf_counter() - started_s
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_END_GRACE_S)
        for task in [*self._tasks, watch]:
            task.cancel()
        await asyncio.gather(pace, watch, *self._tasks, return_exceptions=True)
        for task in done:
            task.result()
        if self._defect is not None:  # a defect of the generator itself must not look like a good run
            raise self._defect
        self._load.whole.merge(self._operations.window)
        return self._load

    async def _closed(self, started_s: float) -> None:
        while (at_s := time.perf_counter() - started_s) < self._profile.duration_s:
            self._users_wanted = round(self._profile.target_at(at_s))
            while self._users < self._users_wanted:
                self._users += 1
                self._spawn(self._user())
            await asyncio.sleep(_USERS_EVERY_S)

    async def _user(self) -> None:
        try:
            await asyncio.sleep(self._rng.random() * self._profile.think_s)  # users do not come in step
            while self._users <= self._users_wanted:
                await self._operations.run(self._choice(), time.perf_counter())
                await asyncio.sleep(self._think_s())
        finally:
            self._users -= 1

    async def _open(self, started_s: float) -> None:
        due_s, end_s = started_s, started_s + self._profile.duration_s
        while due_s < end_s:
            now_s = time.perf_counter()
            while due_s <= now_s and due_s < end_s:  # a loop that is late must not go on beyond the profile's end
                if len(self._tasks) < IN_FLIGHT_MAX:
                    self._spawn(self._operations.run(self._choice(), due_s))
                else:
                    self._operations.window.dropped += 1
                due_s += 1 / self._profile.target_at(due_s - started_s)
            await asyncio.sleep(_TICK_S)

    async def _watch(self, started_s: float) -> None:
        """Close a window each second; return when a threshold breaks in a profile that ends then."""
        recent: list[Window] = []
        for number in itertools.count(1):
            due_s = started_s + number * _SECOND_S
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            self._lag_s = max(0.0, time.perf_counter() - due_s)
            window, self._operations.window = self._operations.window, Window()
            self._load.whole.merge(window)
            self._load.seconds.append(self._second(window, number * _SECOND_S))
            recent = [*recent, window][-BREAK_WINDOW_S:]
            if self._profile.abort and len(recent) == BREAK_WINDOW_S:
                whole = merged(recent)
                self._load.broken = broken(self._profile.thresholds, whole.figures())
                if self._load.broken:
                    return
                self._load.held = whole

    def _second(self, window: Window, at_s: float) -> Second:
        figures = window.figures()
        return Second(
            at_s=at_s,
            target=round(self._profile.target_at(at_s), 1),
            in_flight=len(self._tasks),
            calls=window.calls,
            unexpected=sum(window.unexpected.values()),
            dropped=window.dropped,
            add_p50_ms=figures.get("add_p50_ms", 0.0),
            add_p95_ms=figures.get("add_p95_ms", 0.0),
            add_p99_ms=figures.get("add_p99_ms", 0.0),
            loop_lag_ms=round(1000 * self._lag_s, 2),
            cpu=self._cpu(),
        )

    def _choice(self) -> Operation:
        """Return each operation once, in the profile's order, then by weight: the shortest run does everything."""
        if self._first:
            return self._first.pop()
        return self._rng.choices(self._names, cum_weights=self._cumulative)[0]

    def _think_s(self) -> float:
        """Return a log-normal pause: most are near the median, a few are long."""
        if self._profile.think_s == 0:
            return 0.0
        return self._profile.think_s * min(math.exp(self._rng.gauss(0, THINK_SIGMA)), THINK_FACTOR_MAX)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect = self._defect or error


def broken(thresholds: Sequence[Threshold], figures: Mapping[str, float]) -> tuple[str, ...]:
    """Return the thresholds that a run's figures break, with what was seen; a figure that is missing breaks its own."""
    found = []
    for each in thresholds:
        value = figures.get(each.figure)
        if value is None:
            found.append(f"{each}: nothing was measured")
        elif not each.holds(value):
            found.append(f"{each}: {value:g}")
    return tuple(found)


def merged(windows: list[Window]) -> Window:
    """Return several windows as one."""
    whole = Window()
    for window in windows:
        whole.merge(window)
    return whole
