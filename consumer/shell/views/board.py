"""Where the ingest loop shows its snapshot and REST waits for the next one.

Theory of operation. One thread publishes snapshots, another what Kafka says about the outside; each replaces a
reference. A coroutine that waits registers an event before it looks, so no publication is missed; a publisher wakes
all of them through their event loop, and only when there are any.
"""

import asyncio
import threading
from collections.abc import Callable

from consumer.core.snapshot import Outside, Snapshot, empty_snapshot


class TooManyWaitersError(Exception):
    """As many calls as allowed are waiting already."""


class SnapshotBoard:
    """See the module's theory of operation."""

    def __init__(self, partitions: int, waiters_max: int) -> None:
        self._snapshot = empty_snapshot(partitions)
        self._outside = Outside()
        self._waiters_max = waiters_max
        self._lock = threading.Lock()
        self._waiters: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def snapshot(self) -> Snapshot:
        """The last one."""
        return self._snapshot

    @property
    def outside(self) -> Outside:
        """The last one."""
        return self._outside

    def publish(self, snapshot: Snapshot) -> None:
        """Show a new snapshot."""
        self._snapshot = snapshot
        self._wake()

    def publish_outside(self, outside: Outside) -> None:
        """Show what Kafka says now."""
        self._outside = outside
        self._wake()

    async def wait_until(self, condition: Callable[[Snapshot, Outside], bool], wait_s: float) -> bool:
        """Return whether the condition came true within ``wait_s``. Raises TooManyWaitersError."""
        if condition(self._snapshot, self._outside):
            return True
        event = asyncio.Event()
        with self._lock:
            if len(self._waiters) >= self._waiters_max:
                raise TooManyWaitersError(f"{self._waiters_max} calls are waiting already")
            self._waiters[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(wait_s):
                while not condition(self._snapshot, self._outside):
                    await event.wait()
                    event.clear()
        except TimeoutError:
            return False
        finally:
            with self._lock:
                del self._waiters[event]
        return True

    def _wake(self) -> None:
        if not self._waiters:
            return
        with self._lock:
            for event, loop in self._waiters.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(event.set)
