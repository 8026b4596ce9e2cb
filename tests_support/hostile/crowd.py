"""All strangers at once, in a process of their own: one thread an attack, each drawing from the seed."""

import itertools
import multiprocessing
import os
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests_support.hostile import callers, visitors, writers
from tests_support.hostile.addresses import Addresses
from tests_support.waiting import pause

Attack = Callable[[Addresses, random.Random], int]
_ATTACKS: Final[tuple[Attack, ...]] = (
    callers.half_sent_messages, callers.batches_of_nothing, callers.undecodable_bytes, callers.cancelled_calls,
    callers.silent_channels, callers.junk_frames,
    visitors.silent_connections, visitors.slow_loris, visitors.junk_requests, visitors.huge_headers,
    visitors.metrics_flood, visitors.deaf_listeners, visitors.exports_flood,
    writers.poison_records, writers.foreign_schemas, writers.forged_letters, writers.open_transaction,
)  # fmt: skip
ATTACKS: Final[Mapping[str, Attack]] = {attack.__name__.replace("_", "-"): attack for attack in _ATTACKS}
CALM_S: Final = (0.5, 4.0)
"""Between two attacks of one kind."""
END_S: Final = 90.0
NICE: Final = 10
"""Strangers have machines of their own: here they must not take the services' time by their own work."""
_AUTOGROUP: Final = Path("/proc/self/autogroup")


class Crowd:
    """Start it, stop it: then no connection of theirs is left."""

    def __init__(
        self, addresses: Addresses, seed: int, attacks: Sequence[str] = (*ATTACKS,), rounds: int | None = None
    ) -> None:
        """``attacks``: names in ATTACKS. ``rounds``: so often each attacks; None is for ever."""
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._attacks = attacks
        self._counts = context.Array("q", len(attacks), lock=False)
        strangers = _Strangers(addresses, seed, attacks, rounds, self._stop, self._counts)
        self._process = context.Process(target=strangers.run, name="strangers", daemon=True)

    @property
    def attempts(self) -> Mapping[str, int]:
        """Return how often each attack was tried."""
        return {name: self._counts[at] for at, name in enumerate(self._attacks)}

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

    def __init__(
        self, addresses: Addresses, seed: int, attacks: Sequence[str], rounds: int | None, stop: Any, counts: Any
    ) -> None:
        self._addresses, self._seed, self._stop, self._counts = addresses, seed, stop, counts
        self._attacks, self._rounds = attacks, rounds
        self._failures: list[BaseException] = []

    def run(self) -> None:
        """Run until told to stop and every attack in hand has ended."""
        _stand_back()
        attacks = enumerate(ATTACKS[name] for name in self._attacks)
        threads = [threading.Thread(target=self._repeat, args=each) for each in attacks]
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


def _stand_back() -> None:
    """Run when nobody else wants to. Linux may share its time by session first: then only a session's nice counts."""
    os.nice(NICE)
    os.setsid()
    with suppress(OSError):
        _AUTOGROUP.write_text(str(NICE), encoding="ascii")
