"""Traffic of the soak: additions in batches and alone, some repeated or contradicted, at a bounded pace.

Theory of operation. A process of its own, since the proxies in the caller's must not wait for it. Workers share a pace:
so many additions a second since the start, caught up after an outage, so that a run's size and memory are known before
it begins. Every attempt goes into a history file before its caller learns the answer (`Client(history=...)`);
nothing else is kept but counts and a few ids.
"""

import asyncio
import multiprocessing
import random
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from loadtests.traffic.additions import TAG_BYTES, Draw, contradiction_of
from tally.client.client import Client
from tally.client.outcomes import Addition, Committed, Outcome, Refused, Unknown
from tally.client.retry import RetryPolicy
from tests_support.waiting import pause_async

WORKERS: Final = 4
"""A client."""
BATCH_MAX: Final = 900
REPEATED, CONTRADICTED, ALONE = 0.03, 0.01, 0.1
"""Shares: of additions that repeat an acknowledged one or contradict it; of turns with one addition alone."""
KNOWN_MAX: Final = 2_000
POLICY: Final = RetryPolicy(deadline_s=90.0, attempt_timeout_s=6.0)
IDLE_S: Final = 0.01
COUNTS: Final = (Committed, Refused, Unknown)
"""What is counted, in the order of the shared counts."""


class Traffic:
    """Start it, stop it: then every addition is settled. The counts may be read at any time."""

    def __init__(
        self, targets: Sequence[str], folder: Path, *, seed: int, pace_per_s: float, batch_max: int = BATCH_MAX
    ) -> None:
        """``targets``: one client each; its history is a file in ``folder``. ``batch_max``: additions a turn."""
        self.histories = [folder / f"history-{number}.jsonl" for number in range(len(targets))]
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._counts = context.Array("q", len(COUNTS), lock=False)
        callers = _Callers(targets, self.histories, seed, pace_per_s, batch_max, self._stop, self._counts)
        self._process = context.Process(target=callers.run, name="traffic", daemon=True)

    @property
    def acknowledged(self) -> int:
        """Additions answered OK, repeated ones each time."""
        return int(self._counts[0])

    @property
    def unknown(self) -> int:
        """Additions without a final answer after all retries."""
        return int(self._counts[2])

    def start(self) -> None:
        """Begin."""
        self._process.start()

    def stop(self) -> None:
        """Take nothing new, and return when everything is settled. Raises AssertionError when it went wrong inside."""
        self._stop.set()
        self._process.join(POLICY.deadline_s + 60.0)
        assert not self._process.is_alive(), "a call of the traffic hangs"
        assert self._process.exitcode == 0, f"the traffic ended with {self._process.exitcode}; its error stands above"


class _Callers:
    """What runs in the process: clients, each with workers."""

    def __init__(
        self,
        targets: Sequence[str],
        histories: Sequence[Path],
        seed: int,
        pace_per_s: float,
        batch_max: int,
        stop: Any,
        counts: Any,
    ) -> None:
        self._targets, self._histories = targets, histories
        self._seed = seed
        self._pace_per_s = pace_per_s
        self._batch_max = batch_max
        self._stop, self._counts = stop, counts
        self._began_s = 0.0
        self._taken = 0
        self._known: deque[Addition] = deque(maxlen=KNOWN_MAX)

    def run(self) -> None:
        """Run until told to stop and everything is settled."""
        self._began_s = time.monotonic()
        asyncio.run(self._all())

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number, target in enumerate(self._targets):
                group.create_task(self._client(number, target))

    async def _client(self, number: int, target: str) -> None:
        client = Client(target, policy=POLICY, batch_max=self._batch_max, history=self._histories[number])
        async with client, asyncio.TaskGroup() as group:
            for worker in range(WORKERS):
                rng = random.Random(f"{self._seed}-{number}-{worker}")
                group.create_task(self._work(client, Draw(rng.randbytes(TAG_BYTES), rng)))

    async def _work(self, client: Client, draw: Draw) -> None:
        while not self._stop.is_set():
            wanted = 1 if draw.rng.random() < ALONE else draw.rng.randrange(1, self._batch_max)
            if self._taken + wanted > (time.monotonic() - self._began_s) * self._pace_per_s:
                await pause_async(IDLE_S)
                continue
            self._taken += wanted
            additions = [self._addition(draw) for _ in range(wanted)]
            if wanted == 1:
                one = additions[0]
                self._note([(one, await client.add(one.a, one.b, one.request_id))])
                continue
            async for batch in client.add_batches(additions):
                self._note(batch)

    def _addition(self, draw: Draw) -> Addition:
        chance = draw.rng.random()
        if chance < REPEATED + CONTRADICTED and self._known:
            known = draw.rng.choice(self._known)
            return known if chance < REPEATED else contradiction_of(known)
        return draw.next()

    def _note(self, batch: Sequence[tuple[Addition, Outcome]]) -> None:
        for _, outcome in batch:
            self._counts[COUNTS.index(type(outcome))] += 1
        self._known.extend(addition for addition, outcome in batch[:2] if isinstance(outcome, Committed))
