"""`just chaos [MINUTES] [SEED]`: faults at random against a live system, then the oracle; exit 1 on any violation."""

import random
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tally.base.hints import hint
from tests_support.checkout import ROOT
from tests_support.soak.run import soak

MINUTES_DEFAULT = 10.0
MINUTES_MAX = 240.0


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    asked = _asked(arguments)
    if asked is None:
        print(
            f"chaos takes MINUTES, above 0 and at most {MINUTES_MAX:.0f} (default {MINUTES_DEFAULT:.0f}), and SEED, a "
            f"whole number; not: {' '.join(arguments)}",
            file=sys.stderr,
        )
        return 2
    minutes, seed = asked
    folder = ROOT / "data" / "chaos" / f"{time.strftime('%Y%m%d-%H%M%S')}-seed-{seed}"
    folder.mkdir(parents=True)
    print(f"{minutes:g} minutes, seed {seed}; `{hint(f'chaos {minutes:g} {seed}')}` draws the same\n", flush=True)
    began_s = time.monotonic()
    done = soak(folder, duration_s=minutes * 60, seed=seed, say=lambda line: print(line, flush=True))
    print(f"\n{done.report}\n")
    print(
        f"{done.faults} faults, {done.acknowledged:,} additions acknowledged, {done.unknown} unknown after all retries"
    )
    print(f"{time.monotonic() - began_s:.0f} s in all; the report: {done.page}")
    if done.report.clean:
        _tidy(folder)
        return 0
    print(f"VIOLATED; everything is kept in {folder}")
    return 1


def _asked(arguments: Sequence[str]) -> tuple[float, int] | None:
    try:
        minutes = float(arguments[0]) if arguments else MINUTES_DEFAULT
        seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(10**6)
    except ValueError:
        return None
    return (minutes, seed) if 0 < minutes <= MINUTES_MAX and len(arguments) <= 2 else None


def _tidy(folder: Path) -> None:
    """Keep nothing but the report of a run that held."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".html":
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
