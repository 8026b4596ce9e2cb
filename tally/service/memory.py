"""Gives memory that is free again back to the system.

The C library keeps what was freed for later, and pieces in use between free ones keep it from giving the rest back by
itself: after a burst of large requests a process would look as if it still held them. Only glibc is asked; other
libraries give back by themselves.
"""

import asyncio
import ctypes
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of malloc.h: how many heaps threads may have. By default each has one of its own, up to eight a core."""
_ARENAS_SETTING: Final = "MALLOC_ARENA_MAX"
_INTERVAL_S: Final = 5.0
"""After a burst of large requests the process looks as large as in it for so long."""
_STEP_SHARE: Final = 0.05
_STEP_BYTES: Final = 4 << 20
"""What a process may grow by before it is worth the look: giving back 200 MB holds allocations up for 50 ms (seen)."""


_LOOKS_AT_MOST: Final = 6
"""Memory is given back at one look in so many in any case: a burst that lasts for minutes becomes usual, too."""


class SpareMemory:
    """Looks at the process's memory; `give_back` may be called as often as one likes, from one thread at a time.

    What counts as usual rises by a small step from look to look. So memory is given back at several looks after a
    burst, the first of which may fall into it, and seldom once a process has grown for good.
    """

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._usual_bytes = _resident_bytes()
        self._looks = 0

    def give_back(self) -> None:
        """Give back what is free, if the process is larger than usual or this was not done for some looks."""
        if self._trim is None:
            return
        allowed_bytes = int(self._usual_bytes * (1 + _STEP_SHARE)) + _STEP_BYTES
        self._looks = (self._looks + 1) % _LOOKS_AT_MOST
        if _resident_bytes() > allowed_bytes or not self._looks:
            self._trim(0)
        self._usual_bytes = min(_resident_bytes(), allowed_bytes)


def share_one_heap() -> None:
    """Let all threads allocate from one heap, unless the environment says how many there are. For a process's begin.

    With heaps of their own, each keeps pages that a burst has left half empty, and none can use another's: ten minutes
    of hostile load left a producer a fifth larger (seen).
    """
    if _ARENAS_SETTING not in os.environ:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


async def keep_giving_back() -> None:
    """Give back what is free now and then, in a thread, until cancelled."""
    spare = SpareMemory()
    while True:
        await asyncio.to_thread(spare.give_back)
        await asyncio.sleep(_INTERVAL_S)


def _resident_bytes() -> int:
    """Return what the process has in memory; 0 where the system does not tell it as Linux does."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _malloc_trim() -> Callable[[int], int] | None:
    with suppress(OSError, AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
        return trim
    return None
