"""Memory that is free again."""

import asyncio
import ctypes
import os
import subprocess
import sys

import pytest

from tally.service import memory
from tally.service.memory import SpareMemory, keep_giving_back
from tests_support.waiting import eventually_async

BURST = """
import sys
from pathlib import Path
import resource
from tally.service.memory import SpareMemory

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

spare = SpareMemory()
spare.give_back()
before_bytes = resident_bytes()
pieces = [bytes(4_000) for _ in range(60_000)]
kept = pieces[::100]
at_most_bytes = resident_bytes()
for _ in range(int(sys.argv[1])):
    spare.give_back()
del pieces
for _ in range(6):
    spare.give_back()
print(at_most_bytes - before_bytes, resident_bytes() - before_bytes)
"""
"""Prints what a burst of 240 MB made the process larger by, and what of that is left after it."""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by Linux")
@pytest.mark.parametrize("looks_within", [0, 1, 3, 40])
def test_memory_that_is_free_again_is_given_back_to_the_system(looks_within: int) -> None:
    """After a burst, memory is about what it was, also where it was looked at in between and pieces are kept."""
    # in a process of its own: in one that has free memory already, a burst makes nothing larger
    done = subprocess.run([sys.executable, "-c", BURST, str(looks_within)], capture_output=True, text=True, check=True)
    burst_bytes, left_bytes = map(int, done.stdout.split())
    assert burst_bytes > 190_000_000
    assert left_bytes < burst_bytes / 4


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


HEAPS_OF_THREADS = """
import ctypes, threading
from tally.service.memory import share_one_heap

share_one_heap()
barrier = threading.Barrier(8)
kept = []

def work():
    barrier.wait()
    kept.append([bytearray(3_000) for _ in range(100)])
    barrier.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
c = ctypes.CDLL(None)
c.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(c.fdopen(1, b"w"))
c.malloc_info(0, out)
c.fflush(out)
"""
"""Prints what glibc tells of its heaps, each in an element of its own."""
HEAP = "<heap nr="


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="heaps are told by glibc")
@pytest.mark.parametrize(("setting", "shared"), [({}, True), ({"MALLOC_ARENA_MAX": "8"}, False)])
def test_the_threads_of_a_service_share_one_heap_unless_the_environment_says_otherwise(
    setting: dict[str, str], shared: bool
) -> None:
    """Threads that allocate at the same time get no heaps of their own, but those that MALLOC_ARENA_MAX allows."""
    usual = {name: value for name, value in os.environ.items() if name not in {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"}}
    done = subprocess.run(
        [sys.executable, "-c", HEAPS_OF_THREADS], env=usual | setting, capture_output=True, text=True, check=True
    )
    assert (done.stdout.count(HEAP) == 1) == shared
