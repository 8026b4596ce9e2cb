"""The client: add numbers, get outcomes; gathering, windows and retries are inside."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from tally.client.columns import ColumnOutcomes, Columns, ColumnsUnderWay, joined
from tally.client.gather import Gatherer
from tally.client.history import AttemptLog
from tally.client.outcomes import Addition, Outcome
from tally.client.retry import RetryPolicy
from tally.client.sending import Environment, repeat, settle
from tally.client.transport import GrpcTransport
from tally.client.usage import Usage

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

T = TypeVar("T")

BATCH_MAX = 1000
"""Additions a call; the service takes at least as many."""
BATCHES_IN_FLIGHT = 8


class Client:
    """A connection to a Tally service, to be used in one event loop, the one in which it is first used::

        async with Client("127.0.0.1:50051") as client:
            outcome = await client.add("2", "40.5")

    Additions that wait at the same time travel together. Every addition is retried under its own request id until
    the policy's deadline, which counts from when it is sent; while the service was never reached, until the policy's
    ``first_contact_s``. ``history`` is a file to which every attempt is appended, with its outcome;
    ``tally verify --topic`` holds it against the topic and the ledgers.

    Every method but ``close`` raises ClientUseError after ``close``, in another event loop, and in a forked child.
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
        """Raises TypeError and ValueError for a wrong argument, and HistoryError and OSError for the history."""
        if batch_max < 1 or batches_in_flight < 1:
            raise ValueError("batch_max and batches_in_flight must be at least 1")
        self._transport = GrpcTransport(target)
        self._usage = Usage()
        self._policy = policy or RetryPolicy()
        self._environment = environment or Environment()
        self._history = None if history is None else AttemptLog(history)
        if self._history is not None:
            self._environment = replace(self._environment, on_attempt=self._history)
        self._batch_max = batch_max
        self._batches_in_flight = batches_in_flight
        self._gatherer = Gatherer(self._settle, batch_max=batch_max, batches_in_flight=batches_in_flight)
        self._flights: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> "Client":
        self._usage.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def ready(self, timeout_s: float) -> bool:
        """Tell whether the service answers within this time.

        Where nobody was ever found (a refused port, an unknown name), it is no longer than the policy's
        ``first_contact_s``.
        """
        self._usage.enter()
        return await self._transport.ready(timeout_s, self._policy.first_contact_s)

    async def add(
        self, a: str | int | Decimal, b: str | int | Decimal, request_id: str | UUID | None = None
    ) -> Outcome:
        """Add two exact numbers, under a new random request id unless one is given.

        To repeat a call later, give the same request id. Raises TypeError for a float, and for an id that is neither
        text nor UUID.
        """
        self._usage.enter()
        return await self._gatherer.add(Addition.of(a, b, request_id))

    async def add_many(self, additions: Iterable[Addition]) -> AsyncGenerator[tuple[Addition, Outcome], None]:
        """Yield each addition with its outcome, in order. The iterable is read no further than the windows reach."""
        async for batch in self.add_batches(additions):
            for pair in batch:
                yield pair

    async def add_batches(self, additions: Iterable[Addition]) -> AsyncGenerator[list[tuple[Addition, Outcome]], None]:
        """Yield what ``add_many`` does, a batch at a time. Stopping early cancels the batches under way."""
        self._usage.enter()
        source = iter(additions)
        flights: deque[tuple[list[Addition], asyncio.Task[list[Outcome]]]] = deque()
        try:
            while True:
                while self._has_room(len(flights)) and (batch := self._next_batch(source)):
                    flights.append((batch, self._launch(batch)))
                    await asyncio.sleep(0)  # lets the batch leave before the next one is read
                if not flights:
                    return
                batch, flight = flights.popleft()
                yield list(zip(batch, await flight, strict=True))
        finally:
            for _, flight in flights:
                flight.cancel()

    async def add_columns(self, request_ids: "Buffer", a: "Buffer", b: "Buffer") -> ColumnOutcomes:
        """Add many pairs of numbers that are columns of 16-byte values, and return what became of each row.

        This is the fastest way. An id is the UUID's 16 bytes; a number is 10**9 times its value as a whole number, in
        16 bytes of big-endian two's complement. Every row is retried as in ``add``. Raises TypeError and ValueError for
        what is no such column.
        """
        self._usage.enter()
        room = asyncio.Semaphore(self._batches_in_flight)

        async def settled(columns: Columns) -> ColumnOutcomes:
            work = ColumnsUnderWay(columns, self._transport, self._environment)
            async with room:
                await repeat(work, lambda: self._transport.contacted, self._policy, self._environment)
            return work.outcomes()

        flights = [self._keep(asyncio.create_task(settled(each))) for each in Columns.of(request_ids, a, b).calls()]
        try:
            return joined([await flight for flight in flights])
        finally:
            for flight in flights:
                flight.cancel()

    async def close(self) -> None:
        """Wait for what is under way, about the policy's deadline at most, and close the connection.

        A second call does nothing, nor does one in a forked child, where nothing is under way. Raises ClientUseError in
        another event loop.
        """
        if self._usage.closed or self._usage.forked:
            return
        self._usage.stay()
        self._usage.closed = True
        try:
            await self._gatherer.close()
            if self._flights:
                await asyncio.wait(self._flights)
        finally:
            if self._history is not None:
                self._history.close()
            await self._transport.close()

    def check(self) -> None:
        """Raise ClientUseError if this client is closed or was made before a fork. For any thread."""
        self._usage.check()

    def _has_room(self, flights: int) -> bool:
        """Once closed, what is under way is yielded before the next batch is told so."""
        return flights < (1 if self._usage.closed else self._batches_in_flight)

    def _next_batch(self, source: Iterator[Addition]) -> list[Addition]:
        batch = list(islice(source, self._batch_max))
        if batch:
            self._usage.enter()
        for each in batch:
            if not isinstance(each, Addition):
                raise TypeError(f"{each!r} is a {type(each).__name__}; give Additions, such as Addition.of(2, 3)")
        return batch

    def _launch(self, batch: list[Addition]) -> "asyncio.Task[list[Outcome]]":
        return self._keep(asyncio.create_task(self._settle(batch)))

    def _keep(self, flight: "asyncio.Task[T]") -> "asyncio.Task[T]":
        """Let ``close`` wait for a task."""
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)
        return flight

    async def _settle(self, additions: Sequence[Addition]) -> list[Outcome]:
        return await settle(self._transport, additions, self._policy, self._environment)
