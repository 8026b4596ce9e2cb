"""The client for programs without an event loop: the same calls, each waits for its outcome.

Theory of operation. One thread of its own runs an event loop with a ``Client`` in it from construction to
``close``; callers of any thread hand their calls over and wait. So calls of many threads gather into batches as
those of many tasks do.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from decimal import Decimal
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar

from tally.client.client import Client
from tally.client.outcomes import Addition, Outcome
from tally.client.retry import RetryPolicy

T = TypeVar("T")


class BlockingClient:
    """``Client`` for synchronous programs; safe to share among threads::

    with BlockingClient("127.0.0.1:50051") as client:
        outcome = client.add("2", "40.5")
    """

    def __init__(self, target: str, *, policy: RetryPolicy | None = None, history: Path | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="tally-client", daemon=True)
        self._thread.start()
        self._client = self._run(_connect(target, policy, history))

    def __enter__(self) -> "BlockingClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add(self, a: str | int | Decimal, b: str | int | Decimal, request_id: str | None = None) -> Outcome:
        """Add two exact numbers and return the outcome, as ``Client.add``."""
        return self._run(self._client.add(a, b, request_id))

    def add_many(self, additions: Iterable[Addition]) -> list[Outcome]:
        """Add all of them and return their outcomes, in order."""
        return self._run(self._add_many(additions))

    def close(self) -> None:
        """Wait for what is under way and end the thread. A second call does nothing."""
        if self._loop.is_closed():
            return
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _add_many(self, additions: Iterable[Addition]) -> list[Outcome]:
        return [outcome async for _, outcome in self._client.add_many(additions)]

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()


async def _connect(target: str, policy: RetryPolicy | None, history: Path | None) -> Client:
    """Make the client inside the loop that it will belong to."""
    return Client(target, policy=policy, history=history)
