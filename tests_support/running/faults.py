"""Faults at moments drawn from a seed, and a watch on what the system shows while they happen."""

import os
import random
import time
from types import TracebackType
from typing import Self

from oracle.history import History, Watermark
from oracle.kafka_reading import UnreadableError, read_committed_offsets
from oracle.reading import System, rest_total
from stack import PartName, Stack
from tests_support.looking import Looking
from tests_support.waiting import pause

SEED_VARIABLE = "TALLY_TEST_SEED"


def chosen_seed() -> int:
    """Return the seed of TALLY_TEST_SEED, or a new one; printed, so that a failure can be repeated."""
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    print(f"seed {seed} ({SEED_VARIABLE}={seed} repeats it)")
    return seed


class Nemesis:
    """Kills parts of a stack and starts them again, at moments drawn from a seed."""

    def __init__(self, stack: Stack, rng: random.Random) -> None:
        self._stack = stack
        self._rng = rng
        self.timeline: list[str] = []

    def kill_and_restart(
        self, part: PartName, *, calm_s: tuple[float, float] = (0.3, 1.5), dead_s: tuple[float, float] = (0.0, 0.5)
    ) -> float:
        """Wait a while, SIGKILL, wait a while, start, wait until ready. Return how long it took to be ready again."""
        pause(self._rng.uniform(*calm_s))
        self._note(f"kill {part}")
        self._stack.kill(part)
        pause(self._rng.uniform(*dead_s))
        started_s = time.monotonic()
        self._stack.start(part)
        self._stack.wait_ready(part, 60)
        took_s = time.monotonic() - started_s
        self._note(f"{part} ready again after {took_s:.2f} s")
        return took_s

    def _note(self, what: str) -> None:
        line = f"{time.monotonic():.3f} {what}"
        self.timeline.append(line)
        print(line)


class Watch:
    """Looks at REST and at the committed offsets a few times a second and logs what they show.

    Of several replicas it looks at the first one, called ``replica``, and at the partitions which that one owns.
    """

    def __init__(self, system: System, history: History, *, replica: str = "", interval_s: float = 0.3) -> None:
        self._system = system
        self._history = history
        self._source = f"rest/{replica}" if replica else "rest"
        self._looking = Looking(self._look, interval_s)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._looking.stop()

    def _look(self) -> None:
        self._look_at_rest()
        self._look_at_group()

    def _look_at_rest(self) -> None:
        try:
            parts = rest_total(self._system)["partitions"]
        except (OSError, ValueError):
            return  # it is being killed, after all
        for part in parts:
            if part["next_offset"] and part["state"] != "ELSEWHERE":
                self._observe(self._source, part["partition"], part["next_offset"])

    def _look_at_group(self) -> None:
        try:
            found = read_committed_offsets(self._system.kafka, self._system.topic, self._system.group)
        except UnreadableError:
            return  # the broker is being killed, after all
        for partition, committed in found.items():
            self._observe("committed", partition, committed.offset)

    def _observe(self, source: str, partition: int, next_offset: int) -> None:
        self._history.observe(
            Watermark(source=source, partition=partition, next_offset=next_offset, at_s=time.monotonic())
        )
