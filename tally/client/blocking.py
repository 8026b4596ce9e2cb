"""The client for programs without an event loop: the same calls, each waits for its outcome.

Theory of operation. One thread of its own runs an event loop with a ``Client`` in it from construction to
``close``; callers of any thread hand their calls over and wait. So calls of many threads gather into batches as
those of many tasks do. What a call waits for is bounded in the loop, by the policy; the wait here ends as well when
the loop's thread is no more. ``close`` takes no new calls, lets the loop finish those it has, and only then ends it.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, wait
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from tally.client.client import Client
from tally.client.columns import ColumnOutcomes
from tally.client.outcomes import Addition, Outcome
from tally.client.retry import RetryPolicy
from tally.client.usage import CLOSED, ClientUseError

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

T = TypeVar("T")

_LOOK_S: Final = 1.0
"""How often a call that waits looks whether anybody can still answer it."""
_LAST_STEPS_S: Final = 5.0
"""For calls that have their outcome to return with it, which takes no more than a few turns of the loop."""


class BlockingClient:
    """``Client`` for synchronous programs; safe to share among threads::

        with BlockingClient("127.0.0.1:50051") as client:
            outcome = client.add("2", "40.5")

    Every method but ``close`` raises ClientUseError after ``close`` and in a forked child.
    """

    def __init__(self, target: str, *, policy: RetryPolicy | None = None, history: Path | None = None) -> None:
        """Raises TypeError and ValueError for a wrong argument, and HistoryError and OSError for the history."""
        self._client = Client(target, policy=policy, history=history)
        self._lock = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tally-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> "BlockingClient":
        self._check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add(self, a: str | int | Decimal, b: str | int | Decimal, request_id: str | UUID | None = None) -> Outcome:
        """Add two exact numbers and return the outcome, as ``Client.add``."""
        return self._run(lambda: self._client.add(a, b, request_id))

    def add_many(self, additions: Iterable[Addition]) -> list[Outcome]:
        """Add all of them and return their outcomes, in order. The iterable is read to its end first."""
        self._check()
        # By this thread: one that waits for its input, or that adds by itself, must not hold up the loop.
        every = list(additions)
        return self._run(lambda: self._add_many(every))

    def add_columns(self, request_ids: "Buffer", a: "Buffer", b: "Buffer") -> ColumnOutcomes:
        """Add many pairs of numbers that are columns of 16-byte values, as ``Client.add_columns``."""
        return self._run(lambda: self._client.add_columns(request_ids, a, b))

    def close(self) -> None:
        """Wait for what is under way and end the thread. A second call does nothing, nor does one in a forked child,
        where neither is."""
        try:
            self._check()
        except ClientUseError:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        try:
            self._outcome(ending)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _add_many(self, additions: Iterable[Addition]) -> list[Outcome]:
        return [outcome async for _, outcome in self._client.add_many(additions)]

    async def _end(self) -> None:
        await self._client.close()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=_LAST_STEPS_S)

    def _run(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self._check()
        with self._lock:
            if self._closed:
                raise ClientUseError(CLOSED)
            under_way = asyncio.run_coroutine_threadsafe(call(), self._loop)
        return self._outcome(under_way)

    def _outcome(self, under_way: "Future[T]") -> T:
        try:
            while not wait([under_way], _LOOK_S).done:
                self._check_answerable()
            return under_way.result()
        except BaseException:
            under_way.cancel()
            raise

    def _check_answerable(self) -> None:
        if not self._thread.is_alive():
            raise ClientUseError(CLOSED)

    def _check(self) -> None:
        """Raise ClientUseError before anything is waited for, the lock included: after a fork its owner may be gone."""
        self._client.check()
