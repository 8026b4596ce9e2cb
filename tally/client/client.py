"""The client: add numbers, get outcomes; gathering, windows and retries are inside."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from types import TracebackType

from tally.client.gather import Gatherer
from tally.client.history import AttemptLog
from tally.client.outcomes import Addition, Outcome
from tally.client.retry import RetryPolicy
from tally.client.sending import Environment, settle
from tally.client.transport import GrpcTransport

BATCH_MAX = 1000
"""Additions a call; the service takes at least as many."""
BATCHES_IN_FLIGHT = 8


class Client:
    """A connection to a Tally service, to be used in one event loop::

        async with Client("127.0.0.1:50051") as client:
            outcome = await client.add("2", "40.5")

    Additions that wait at the same time travel together. Every addition is retried under its own request id until
    the policy's deadline, which counts from when it is sent. ``history`` is a file to which every attempt is appended,
    with its outcome; ``tally verify --topic`` holds it against the topic and the ledgers.
    """

    def __init__(
        self,
        target: str,
        *,
        policy: RetryPolicy | None = None,
        batch_max: int = BATCH_MAX,
        batches_in_flight: int = BATCHES_IN_FLIGHT,
        environment: Environment | None = None,
        history: Path | None = None,
    ) -> None:
        if batch_max < 1 or batches_in_flight < 1:
            raise ValueError("batch_max and batches_in_flight must be at least 1")
        self._policy = policy or RetryPolicy()
        self._environment = environment or Environment()
        self._history = None if history is None else AttemptLog(history)
        if self._history is not None:
            self._environment = replace(self._environment, on_attempt=self._history)
        self._batch_max = batch_max
        self._batches_in_flight = batches_in_flight
        self._transport = GrpcTransport(target)
        self._gatherer = Gatherer(self._settle, batch_max=batch_max, batches_in_flight=batches_in_flight)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def ready(self, timeout_s: float) -> bool:
        """Tell whether the service can be reached within this time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._transport.ready()
        except TimeoutError:
            return False
        return True

    async def add(self, a: str | int | Decimal, b: str | int | Decimal, request_id: str | None = None) -> Outcome:
        """Add two exact numbers, under a new random request id unless one is given.

        To repeat a call later, give the same request id. Raises TypeError for a float.
        """
        return await self._gatherer.add(Addition.of(a, b, request_id))

    async def add_many(self, additions: Iterable[Addition]) -> AsyncGenerator[tuple[Addition, Outcome], None]:
        """Yield each addition with its outcome, in order. The iterable is read no further than the windows reach."""
        async for batch in self.add_batches(additions):
            for pair in batch:
                yield pair

    async def add_batches(self, additions: Iterable[Addition]) -> AsyncGenerator[list[tuple[Addition, Outcome]], None]:
        """Yield what ``add_many`` does, a batch at a time. Stopping early cancels the batches under way."""
        source = iter(additions)
        flights: deque[tuple[list[Addition], asyncio.Task[list[Outcome]]]] = deque()
        try:
            while True:
                while len(flights) < self._batches_in_flight and (batch := list(islice(source, self._batch_max))):
                    flights.append((batch, asyncio.create_task(self._settle(batch))))
                    await asyncio.sleep(0)  # lets the batch leave before the next one is read
                if not flights:
                    return
                batch, flight = flights.popleft()
                yield list(zip(batch, await flight, strict=True))
        finally:
            for _, flight in flights:
                flight.cancel()

    async def close(self) -> None:
        """Wait for what is under way, at most the policy's deadline, and close the connection."""
        await self._gatherer.close()
        await self._transport.close()
        if self._history is not None:
            self._history.close()

    async def _settle(self, additions: Sequence[Addition]) -> list[Outcome]:
        return await settle(self._transport, additions, self._policy, self._environment)
