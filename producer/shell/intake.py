"""Lets a few messages come in at a time, so that what half-sent ones hold has a bound.

gRPC's core takes up to 64 KiB of a call that nobody reads, and a whole message, whose length its sender says, once it
is read. So reading needs a place. Usually there are some, and nobody waits. When all are taken, it is a crowd:

- The newest waits least: when senders of half a message stand in line, a healthy caller must not wait behind them all.
- The first readers have a short time for their message, enough for a large one. Those in the last quarter of the places
  have next to none: a usual message comes together with its call, so a place is free as soon as it is seen not to.

Time in a crowd is counted in looks, which run in the event loop like the reading: while the loop is held up, nobody
loses a place whose message lies there already.
"""

import asyncio
import time
from typing import Any, Final, TypeAlias

import grpc

from producer.core import refusals
from producer.core.refusals import Refusal

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_LOOKS_APART_S: Final = 0.005
_LOOKS_MAX: Final = 100
"""In a crowd, of one of the first readers: half a second, enough for the largest message at 8 MB/s."""
_LAST_LOOKS_MAX: Final = 3
"""In a crowd, of one of the last."""
_LAST_SHARE: Final = 4
"""One place in so many is for the last."""


class Intake:
    """Reads the messages of all calls, at most ``reading_max`` at a time. Used in the event loop's thread only."""

    def __init__(self, reading_max: int) -> None:
        self._reading_max = reading_max
        self._first_max = reading_max - reading_max // _LAST_SHARE
        self._reading: dict[asyncio.Timeout, int] = {}
        """Whoever reads, in the order in which they began; the looks of a crowd that each has had."""
        self._waiting: list[asyncio.Future[None]] = []
        self._looking = False

    async def read(self, context: Context, limit_s: float) -> bytes | Refusal | None:
        """Return the next message, None when the caller has sent all, or a refusal when none came in time."""
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(limit_s) as limit:
                while len(self._reading) >= self._reading_max:
                    await self._turn()
                return await self._read(context, limit)
        except TimeoutError:
            if time.monotonic() - began_s < limit_s:
                return refusals.queue_full(f"{self._reading_max} messages are coming in, and this one came too slowly")
            return refusals.no_message(f"none came within {limit_s:.0f} s")

    async def _read(self, context: Context, limit: asyncio.Timeout) -> bytes | None:
        self._reading[limit] = 0
        try:
            message = await context.read()
        finally:
            del self._reading[limit]
            self._call_next()
        return message if isinstance(message, bytes) else None

    async def _turn(self) -> None:
        """Wait until a place may be free."""
        self._look_later()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            elif not mine.cancelled():  # called, and gone
                self._call_next()
            raise

    def _call_next(self) -> None:
        while self._waiting:
            newest = self._waiting.pop()
            if not newest.done():
                newest.set_result(None)
                return

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_LOOKS_APART_S, self._look)

    def _look(self) -> None:
        """Let those go that have read for too long; look again as long as somebody waits."""
        self._looking = False
        if not self._waiting:
            return
        now_s = asyncio.get_running_loop().time()
        for place, (limit, looks) in enumerate([*self._reading.items()]):
            self._reading[limit] = looks + 1
            looks_max = _LOOKS_MAX if place < self._first_max else _LAST_LOOKS_MAX
            if looks + 1 >= looks_max and not limit.expired():
                limit.reschedule(now_s)
        self._look_later()
