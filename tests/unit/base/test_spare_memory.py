"""Memory that is free again."""

import asyncio

import psutil
import pytest

from tally.service import memory
from tally.service.memory import SpareMemory, keep_giving_back
from tests_support.waiting import eventually_async

PIECES = 60_000
PIECE_BYTES = 4_000
LOOKS_AFTER = 6


@pytest.mark.parametrize("looks_within", [0, 1, 3, 40])
def test_memory_that_is_free_again_is_given_back_to_the_system(looks_within: int) -> None:
    """After a burst, memory is about what it was, also where it was looked at in between and pieces are kept."""
    spare = SpareMemory()
    spare.give_back()
    before = psutil.Process().memory_info().rss
    pieces = [bytes(PIECE_BYTES) for _ in range(PIECES)]
    kept = pieces[::100]
    at_most = psutil.Process().memory_info().rss
    for _ in range(looks_within):
        spare.give_back()
    del pieces
    for _ in range(LOOKS_AFTER):
        spare.give_back()
    after = psutil.Process().memory_info().rss
    assert len(kept) == PIECES // 100
    assert at_most - before > PIECES * PIECE_BYTES * 0.8
    assert after - before < (at_most - before) / 4


async def test_a_service_gives_memory_back_as_long_as_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given back once is given back after the next burst as well, until the task is cancelled."""
    monkeypatch.setattr(memory, "_INTERVAL_S", 0.01)
    looks: list[SpareMemory] = []

    def look(spare: SpareMemory) -> None:
        looks.append(spare)

    monkeypatch.setattr(SpareMemory, "give_back", look)
    task = asyncio.create_task(keep_giving_back())
    await eventually_async(lambda: len(looks) > 2, 10.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(set(map(id, looks))) == 1
