"""Traffic of the soak: additions in batches and alone, some repeated or contradicted, at a bounded pace.

Theory of operation. One thread with an event loop. Workers share a pace: so many additions a second since the start,
caught up after an outage, so that a run's size and memory are known before it begins. Every attempt goes into a history
file before its caller learns the answer (`TallyClient(history=...)`); nothing else is kept but counts and a few ids.
"""

import asyncio
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from client.client import TallyClient
from client.outcomes import Addition, Committed, Outcome, Refused, Unknown
from client.retry import RetryPolicy
from tests_support.waiting import pause_async

WORKERS: Final = 4
"""A client."""
BATCH_MAX: Final = 900
REPEATED, CONTRADICTED, ALONE = 0.03, 0.01, 0.1
"""Shares: of additions that repeat an acknowledged one or contradict it; of turns with one addition alone."""
KNOWN_MAX: Final = 2_000
POLICY: Final = RetryPolicy(deadline_s=90.0, attempt_timeout_s=6.0)
IDLE_S: Final = 0.01


class Traffic:
    """Start it, stop it: then every addition is settled. The counts may be read at any time."""

    def __init__(self, targets: Sequence[str], folder: Path, *, seed: int, pace_per_s: float) -> None:
        """``targets``: one client each; its history is a file in ``folder``."""
        self.histories = [folder / f"history-{number}.jsonl" for number in range(len(targets))]
        self._targets = targets
        self._seed = seed
        self._pace_per_s = pace_per_s
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._began_s = 0.0
        self._taken = 0
        self._known: deque[Addition] = deque(maxlen=KNOWN_MAX)
        self.acknowledged = 0
        self.refused = 0
        self.unknown = 0

    def start(self) -> None:
        """Begin."""
        self._began_s = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Take nothing new, and return when everything is settled. Raises what went wrong inside."""
        self._stop.set()
        self._thread.join(POLICY.deadline_s + 60.0)
        assert not self._thread.is_alive(), "a call of the traffic hangs"
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # noqa: BLE001 - stop() raises it in the caller's thread
            self._failure = error

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number, target in enumerate(self._targets):
                group.create_task(self._client(number, target))

    async def _client(self, number: int, target: str) -> None:
        client = TallyClient(target, policy=POLICY, batch_max=BATCH_MAX, history=self.histories[number])
        async with client, asyncio.TaskGroup() as group:
            for worker in range(WORKERS):
                group.create_task(self._work(client, random.Random(f"{self._seed}-{number}-{worker}")))

    async def _work(self, client: TallyClient, rng: random.Random) -> None:
        while not self._stop.is_set():
            wanted = 1 if rng.random() < ALONE else rng.randrange(1, BATCH_MAX)
            if self._taken + wanted > (time.monotonic() - self._began_s) * self._pace_per_s:
                await pause_async(IDLE_S)
                continue
            self._taken += wanted
            additions = [self._addition(rng) for _ in range(wanted)]
            if wanted == 1:
                one = additions[0]
                self._note([(one, await client.add(one.a, one.b, one.request_id))])
                continue
            async for batch in client.add_batches(additions):
                self._note(batch)

    def _addition(self, rng: random.Random) -> Addition:
        draw = rng.random()
        if draw < REPEATED + CONTRADICTED and self._known:
            old = rng.choice(self._known)
            return old if draw < REPEATED else Addition(old.request_id, old.a, "77")
        a = f"{rng.randrange(10**9)}.{rng.randrange(1, 10**9):09d}"
        return Addition(str(uuid.UUID(int=rng.getrandbits(128))), a, str(rng.randrange(-(10**6), 10**6)))

    def _note(self, batch: Sequence[tuple[Addition, Outcome]]) -> None:
        for _, outcome in batch:
            match outcome:
                case Committed():
                    self.acknowledged += 1
                case Refused():
                    self.refused += 1
                case Unknown():
                    self.unknown += 1
        self._known.extend(addition for addition, outcome in batch[:2] if isinstance(outcome, Committed))
