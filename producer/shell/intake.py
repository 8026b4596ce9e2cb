"""Lets a few messages come in at a time, so that what half-sent ones hold has a bound.

gRPC's core takes up to 64 KiB of a call that nobody reads, and a whole message, whose length its sender says, once it
is read. So reading needs a place. Usually there are some, and nobody waits. When all are taken:

- Whoever reads has a short time left, counted from when it began. Healthy callers send a message at once; those that
  do not are refused, and their place goes on.
- The newest waits least: when senders of half a message stand in line, a healthy caller must not wait behind them all.
"""

import asyncio
import time
from typing import Any, Final, TypeAlias

import grpc

from producer.core import refusals
from producer.core.refusals import Refusal

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_CROWDED_S: Final = 0.5
"""For one message while others wait: enough for the largest at 8 MB/s."""


class Intake:
    """Reads the messages of all calls, at most ``reading_max`` at a time. Used in the event loop's thread only."""

    def __init__(self, reading_max: int) -> None:
        self._reading_max = reading_max
        self._reading: dict[asyncio.Timeout, float] = {}
        self._waiting: list[asyncio.Future[None]] = []

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
        self._reading[limit] = asyncio.get_running_loop().time()
        if self._waiting:
            self._hurry()
        try:
            message = await context.read()
        finally:
            del self._reading[limit]
            self._call_next()
        return message if isinstance(message, bytes) else None

    async def _turn(self) -> None:
        """Wait until a place may be free."""
        self._hurry()
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

    def _hurry(self) -> None:
        """Leave to each that reads no more time than there is while others wait."""
        for limit, began_s in self._reading.items():
            until_s, usual_s = began_s + _CROWDED_S, limit.when()
            if usual_s is not None and until_s < usual_s:
                limit.reschedule(until_s)
