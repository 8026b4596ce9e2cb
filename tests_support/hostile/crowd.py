"""All strangers at once, in a process of their own: one thread an attack, each drawing from the seed."""

import itertools
import multiprocessing
import os
import random
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests_support.hostile import callers, visitors, writers
from tests_support.hostile.addresses import Addresses
from tests_support.waiting import pause

Attack = Callable[[Addresses, random.Random], int]
ATTACKS: Final[tuple[Attack, ...]] = (
    callers.half_sent_messages, callers.batches_of_nothing, callers.undecodable_bytes, callers.cancelled_calls,
    callers.silent_channels, callers.junk_frames,
    visitors.silent_connections, visitors.slow_loris, visitors.junk_requests, visitors.huge_headers,
    visitors.metrics_flood, visitors.deaf_listeners, visitors.exports_flood,
    writers.poison_records, writers.foreign_schemas, writers.forged_letters, writers.open_transaction,
)  # fmt: skip
CALM_S: Final = (0.5, 4.0)
"""Between two attacks of one kind."""
END_S: Final = 90.0
NICE: Final = 10
"""Strangers have machines of their own: here they must not take the services' time by their own work."""


class Crowd:
    """Start it, stop it: then no connection of theirs is left. ``rounds``: so often each attacks; None is for ever."""

    def __init__(self, addresses: Addresses, seed: int, rounds: int | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._counts = context.Array("q", len(ATTACKS), lock=False)
        strangers = _Strangers(addresses, seed, rounds, self._stop, self._counts)
        self._process = context.Process(target=strangers.run, name="strangers", daemon=True)

    @property
    def attempts(self) -> Mapping[str, int]:
        """Return how often each attack was tried."""
        return {attack.__name__.replace("_", " "): self._counts[at] for at, attack in enumerate(ATTACKS)}

    def start(self) -> None:
        """Begin."""
        self._process.start()

    def stop(self) -> None:
        """Return when all of them are gone. Raises AssertionError when one failed for a reason of its own."""
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        """Return when all rounds are done. Raises as `stop` does."""
        self._process.join(END_S)
        assert not self._process.is_alive(), "an attack does not end"
        assert self._process.exitcode == 0, f"an attack failed by itself ({self._process.exitcode}); see above"


class _Strangers:
    """What runs in the process."""

    def __init__(self, addresses: Addresses, seed: int, rounds: int | None, stop: Any, counts: Any) -> None:
        self._addresses, self._seed, self._stop, self._counts = addresses, seed, stop, counts
        self._rounds = rounds
        self._failures: list[BaseException] = []

    def run(self) -> None:
        """Run until told to stop and every attack in hand has ended."""
        os.nice(NICE)
        threads = [threading.Thread(target=self._repeat, args=(at, attack)) for at, attack in enumerate(ATTACKS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _repeat(self, at: int, attack: Attack) -> None:
        rng = random.Random(f"{self._seed}-{attack.__name__}")
        try:
            for _ in itertools.count() if self._rounds is None else range(self._rounds):
                if self._stop.is_set():
                    return
                self._counts[at] += attack(self._addresses, rng)
                pause(rng.uniform(*CALM_S))
        except BaseException as error:  # noqa: BLE001 - run() raises it where it ends the process
            self._failures.append(error)
