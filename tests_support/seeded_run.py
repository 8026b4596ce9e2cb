"""A run at random for some minutes: what is asked for on the command line, and where it keeps what it leaves."""

import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tally.base.hints import hint
from tests_support.checkout import ROOT

MINUTES_DEFAULT: Final = 10.0
MINUTES_MAX: Final = 240.0
_SEEDS: Final = 10**6


@dataclass(frozen=True)
class SeededRun:
    """How long it takes, the seed that draws the same again, and a new folder of its own."""

    minutes: float
    seed: int
    folder: Path


def begin(recipe: str, arguments: Sequence[str], more: Sequence[str] = ()) -> SeededRun | None:
    """Return the run of ``just RECIPE [MINUTES] [SEED] [MORE...]`` and tell how to repeat it.

    For wrong words it is None, and they are told. ``more`` are words that the recipe has read itself.
    """
    try:
        minutes, seed = float(arguments[0] if arguments else MINUTES_DEFAULT), _seed(arguments[1:])
    except ValueError:
        minutes, seed = 0.0, 0
    if not 0 < minutes <= MINUTES_MAX:
        allowed = f"above 0 and at most {MINUTES_MAX:.0f} (default {MINUTES_DEFAULT:.0f})"
        told = f"{recipe} takes MINUTES, {allowed}, and SEED, a whole number; not: {' '.join(arguments)}"
        print(told, file=sys.stderr)
        return None
    folder = ROOT / "data" / recipe / f"{time.strftime('%Y%m%d-%H%M%S')}-seed-{seed}"
    folder.mkdir(parents=True)
    again = hint(" ".join((recipe, f"{minutes:g}", str(seed), *more)))
    print(f"{minutes:g} minutes, seed {seed}; `{again}` draws the same\n", flush=True)
    return SeededRun(minutes, seed, folder)


def _seed(words: Sequence[str]) -> int:
    if len(words) > 1:
        raise ValueError("more than a seed")
    return int(words[0]) if words else random.SystemRandom().randrange(_SEEDS)
