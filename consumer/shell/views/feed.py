"""The total as it moves, for those who listen: one look at the board for all of them, at a bounded rate.

Theory of operation. Everything here runs in the event loop of REST; the ingest loop does not know of it. As long as
somebody listens, a task looks at the board every ``INTERVAL_S``. When the total moved it is put into text once, and
each listener holds the newest text only: one that reads slowly skips what was in between. A listener goes

    LISTENING -> (takes nothing for SLOW_S, or the feed closes) -> ENDED, with a reason that it still reads

Its place is free at that moment, whatever its connection does.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from consumer.core.snapshot import Outside, Snapshot, Total, total_of
from consumer.shell.views.board import SnapshotBoard

INTERVAL_S: Final = 0.1
"""At most 10 a second, as docs/REST.md promises."""
SLOW_S: Final = 30.0

TOO_SLOW: Final = "too-slow"
STOPPING: Final = "stopping"


class TooManyListenersError(Exception):
    """As many as allowed are listening already, or the feed is closed."""


class Listener:
    """One reader's place. ``take`` waits for the next text; after None, ``ended`` may tell why there is no more."""

    def __init__(self, newest: str, now_s: float) -> None:
        self._newest: str | None = newest
        self._changed = asyncio.Event()
        self._changed.set()
        self.waiting_since_s: float | None = now_s
        """Since when a text has not been taken, None when none waits."""
        self.ended: str | None = None

    def put(self, text: str, now_s: float) -> None:
        """Replace what was not taken yet."""
        self._newest = text
        if self.waiting_since_s is None:
            self.waiting_since_s = now_s
        self._changed.set()

    def end(self, reason: str) -> None:
        """Let the reader know that nothing follows."""
        self._newest, self.ended = None, reason
        self._changed.set()

    async def take(self, wait_s: float) -> str | None:
        """Return the newest text that was not taken yet; None when there is none within ``wait_s``, or at the end."""
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return None
        if self.ended is None:
            self._changed.clear()
        text, self._newest, self.waiting_since_s = self._newest, None, None
        return text


class Feed:
    """See the module's theory of operation. Used from the event loop only."""

    def __init__(
        self,
        board: SnapshotBoard,
        render: Callable[[Total], str],
        listeners_max: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board, self._render, self._now_s = board, render, now_s
        self._listeners_max = listeners_max
        self._listeners: set[Listener] = set()
        self._seen: tuple[Snapshot, Outside] | None = None
        self._total: Total | None = None
        self._text = ""
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    def open(self) -> Listener:
        """Return a place whose first text is the total of this moment. Raises TooManyListenersError."""
        if self._closed:
            raise TooManyListenersError("the consumer is ending")
        if len(self._listeners) >= self._listeners_max:
            raise TooManyListenersError(f"{self._listeners_max} callers are listening already")
        self.look()
        listener = Listener(self._text, self._now_s())
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return listener

    def leave(self, listener: Listener) -> None:
        """Give a place back."""
        self._listeners.discard(listener)

    def look(self) -> None:
        """Give the listeners the total if it moved, and end those that take nothing."""
        now_s = self._now_s()
        for slow in [each for each in self._listeners if _is_slow(each, now_s)]:
            slow.end(TOO_SLOW)
            self.leave(slow)
        seen = (self._board.snapshot, self._board.outside)
        if self._seen is not None and all(new is old for new, old in zip(seen, self._seen, strict=True)):
            return
        self._seen = seen
        total = total_of(*seen)
        if total == self._total:
            return
        self._total, self._text = total, self._render(total)
        for listener in self._listeners:
            listener.put(self._text, now_s)

    def close(self) -> None:
        """End every listener; nobody is let in any more."""
        self._closed = True
        for listener in self._listeners:
            listener.end(STOPPING)
        self._listeners.clear()

    async def _run(self) -> None:
        while self._listeners:
            await asyncio.sleep(INTERVAL_S)
            self.look()


def _is_slow(listener: Listener, now_s: float) -> bool:
    return listener.waiting_since_s is not None and now_s - listener.waiting_since_s > SLOW_S
