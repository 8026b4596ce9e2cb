"""The generator: users and rates as the profile says, the first broken threshold ends it, its own limits are told."""

import asyncio
import math
import random
import statistics
from itertools import chain, repeat
from types import SimpleNamespace

import pytest

from loadtests.run import _rates, _warnings
from loadtests.traffic import generator
from loadtests.traffic.generator import BREAK_WINDOW_S, Generator, Load
from loadtests.traffic.measures import Second, Window
from loadtests.traffic.profiles import Profile, Stage, Threshold


class Calls:
    """Stands where the operations are: each answers at once, or waits for ``free``."""

    def __init__(self, *, hang: bool = False, wrong: bool = False) -> None:
        self.window = Window()
        self.begun = 0
        self._free = asyncio.Event()
        self._wrong = "wrong" if wrong else None
        if not hang:
            self._free.set()

    async def run(self, operation: str, due_s: float) -> None:
        """Answer one call."""
        self.begun += 1
        await self._free.wait()
        self.window.answered(operation, "OK", 1.0, self._wrong)


def profile_of(**fields: object) -> Profile:
    return Profile(**{"name": "x", "meaning": "", "thresholds": (), "weights": (("add", 1),), **fields})  # type: ignore[arg-type]


async def load_of(profile: Profile, calls: Calls) -> Load:
    return await Generator(profile, calls, random.Random(1), dict).run()  # type: ignore[arg-type]


async def test_an_open_profile_starts_each_call_when_it_is_due_whatever_the_answers_do():
    """Half a second at 200 a second is 100 calls, neither more nor fewer, however late the loop was."""
    calls = Calls()
    load = await load_of(profile_of(open=True, start=200, stages=[Stage(0.5, 200)]), calls)
    assert 99 <= calls.begun == load.whole.calls <= 101


async def test_a_loop_that_is_late_starts_no_call_that_was_never_due(monkeypatch):
    """After a standstill far beyond the profile's end as many calls were started as the profile has, and not more."""
    readings = chain([0.0], repeat(100.0))
    monkeypatch.setattr(generator, "time", SimpleNamespace(perf_counter=lambda: next(readings)))
    calls = Calls()
    await load_of(profile_of(open=True, start=200, stages=[Stage(0.5, 200)]), calls)
    assert 99 <= calls.begun <= 101


async def test_calls_beyond_the_bound_are_dropped_and_told(monkeypatch):
    """While as many calls as the bound are under way, no further one is started; the report warns of it."""
    monkeypatch.setattr(generator, "IN_FLIGHT_MAX", 10)
    monkeypatch.setattr(generator, "_END_GRACE_S", 0.1)
    calls = Calls(hang=True)
    load = await load_of(profile_of(open=True, start=200, stages=[Stage(0.5, 200)]), calls)
    assert calls.begun == 10
    assert load.whole.dropped >= 89
    assert any("calls were dropped" in each for each in _warnings(load))


async def test_a_broken_threshold_ends_a_breakpoint_and_is_named():
    """A breakpoint ends when every answer is wrong, and says which threshold broke at which rate."""
    thresholds = [Threshold("unexpected_share", 0.001)]
    profile = profile_of(open=True, abort=True, start=50, stages=[Stage(600, 50)], thresholds=thresholds)
    load = await load_of(profile, Calls(wrong=True))
    assert load.broken == ("unexpected_share <= 0.001: 1",)
    assert load.held is None
    assert _rates(load)["broke_at_calls_per_s"] == 50


async def test_what_a_breakpoint_held_is_its_last_good_seconds():
    """The rate that a breakpoint held is that of the last window in which all thresholds held."""
    profile = profile_of(open=True, abort=True, start=50, stages=[Stage(BREAK_WINDOW_S + 0.5, 50)])
    load = await load_of(profile, Calls())
    assert load.held is not None
    assert load.broken == ()
    assert _rates(load)["held_calls_per_s"] == load.held.calls / BREAK_WINDOW_S > 0


async def test_a_closed_profile_has_as_many_users_as_it_says():
    """Users who wait for their answer do not call again: 7 users are 7 calls under way."""
    calls = Calls(hang=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "_END_GRACE_S", 0.1)
        load = await load_of(profile_of(start=7, stages=[Stage(1.2, 7)]), calls)
    assert calls.begun == 7
    assert load.seconds[0].in_flight == 7


async def test_the_shortest_run_does_everything_once():
    """Even a very rare operation is among the first ones, so that the shortest run has all of them."""
    seen = []

    class Noting(Calls):
        async def run(self, operation: str, due_s: float) -> None:
            seen.append(operation)
            await super().run(operation, due_s)

    weights = (("add", 10**9), ("batch", 1), ("conflict", 1))
    await load_of(profile_of(weights=weights, open=True, start=100, stages=[Stage(0.1, 100)]), Noting())
    assert seen[:4] == ["add", "batch", "conflict", "add"]


async def test_a_defect_of_the_generator_is_no_good_run():
    """An exception inside an operation ends the run with that exception and not with a result."""

    class Broken(Calls):
        async def run(self, operation: str, due_s: float) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await load_of(profile_of(start=1, stages=[Stage(0.3, 1)]), Broken())


def test_users_think_for_a_log_normal_time():
    """The logarithms of the pauses are normal around the median that the profile names, and no pause is endless."""
    making = Generator(profile_of(think_s=3.0, stages=[]), Calls(), random.Random(2), dict)  # type: ignore[arg-type]
    pauses = [making._think_s() for _ in range(20_000)]
    logs = [math.log(each / 3.0) for each in pauses]
    assert statistics.median(pauses) == pytest.approx(3.0, rel=0.03)
    assert statistics.stdev(logs) == pytest.approx(0.8, rel=0.05)
    assert sum(abs(each) < 0.8 for each in logs) / len(logs) == pytest.approx(0.683, abs=0.02)
    assert max(pauses) <= 8 * 3.0


def second(cpu: dict[str, float], lag_ms: float = 0.0) -> Second:
    return Second(1.0, 1.0, 1, 1, 0, 0, 1.0, 1.0, 1.0, lag_ms, cpu)


@pytest.mark.parametrize(
    ("cpu", "lag_ms", "word"),
    [
        ({"load": 0.95}, 0.0, "it may be the bottleneck"),
        ({"load": 0.1}, 150.0, "late by more than 100 ms"),
        ({"load": 0.1, "others": 0.5}, 0.0, "other processes of this machine used 0.5 cores"),
    ],
)
def test_the_limits_of_a_measurement_are_told(cpu, lag_ms, word):
    """A generator that has no core left, is late, or shares the machine with strangers says so."""
    (warning,) = _warnings(Load(seconds=[second(cpu, lag_ms)] * 4))
    assert word in warning


def test_a_quiet_measurement_has_no_warning():
    """A measurement with free cores, no lag and no strangers on the machine has no warning."""
    assert _warnings(Load(seconds=[second({"load": 0.5, "others": 0.05}, 2.0)] * 4)) == []
