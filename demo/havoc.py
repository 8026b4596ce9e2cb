"""SIGKILLs on the way: which part dies at which moment of a load, and how it comes back.

Theory of operation. The moments are shares of the rows that will be acknowledged. When the load passes one, the part is
killed at once, with batches in flight, and started again in a thread while the load goes on. A part is killed again
only after it came back: the load waits for that, so that every planned kill happens in a short run, too.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from stack import PartName, Stack

_READY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL, when this share of the rows is acknowledged."""

    share: float
    part: PartName


PLAN: Final[Sequence[Kill]] = (
    Kill(0.10, "producer"),
    Kill(0.25, "consumer"),
    Kill(0.40, "producer"),
    Kill(0.55, "consumer"),
    Kill(0.70, "producer"),
    Kill(0.70, "consumer"),
    Kill(0.90, "producer"),
)


class Havoc:
    """Carries the plan out on one stack; belongs to one event loop."""

    def __init__(self, stack: Stack, rows: int, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._rows = rows
        self._say = say
        self._coming_back: dict[PartName, asyncio.Task[None]] = {}
        self._plan = list(PLAN)
        self.kills = 0

    async def at(self, acknowledged: int) -> None:
        """Do what is due when this many rows are acknowledged. Raises StackError when a part does not come back."""
        while self._plan and acknowledged >= self._plan[0].share * self._rows:
            part = self._plan.pop(0).part
            await self._back(part)
            pid = self._stack.pid(part)
            self._stack.kill(part)
            self.kills += 1
            self._say(f"SIGKILL {part} (process {pid}), {acknowledged:,} rows acknowledged so far")
            self._coming_back[part] = asyncio.create_task(self._start(part))

    async def calm(self) -> None:
        """Wait until every part is back."""
        for part in tuple(self._coming_back):
            await self._back(part)

    async def _back(self, part: PartName) -> None:
        task = self._coming_back.pop(part, None)
        if task is not None:
            await task

    async def _start(self, part: PartName) -> None:
        clock = asyncio.get_running_loop().time
        began_s = clock()
        await asyncio.to_thread(self._stack.start, part)
        await asyncio.to_thread(self._stack.wait_ready, part, _READY_S)
        self._say(f"{part} is back after {clock() - began_s:.1f} s")
