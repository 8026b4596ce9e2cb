"""`just hostile [MINUTES] [SEED] [ATTACK...]`: hostile load beside healthy load, then what was promised.

Exit 1 unless it holds. Without names of attacks all of them are made.
"""

import random
import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.table import Table

from tally.base.hints import hint
from tests_support.checkout import ROOT
from tests_support.hostile.crowd import ATTACKS
from tests_support.hostile.run import Plan, Verdict, run

MINUTES_DEFAULT = 10.0
MINUTES_MAX = 240.0
_SEEDS = 10**6


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    asked, attacks = _asked(arguments[:2]), arguments[2:] or (*ATTACKS,)
    if asked is None:
        print(
            f"hostile takes MINUTES, above 0 and at most {MINUTES_MAX:.0f} (default {MINUTES_DEFAULT:.0f}), and SEED, "
            f"a whole number; not: {' '.join(arguments)}",
            file=sys.stderr,
        )
        return 2
    unknown = [name for name in attacks if name not in ATTACKS]
    if unknown:
        print(f"there is no attack {unknown[0]!r}; there are: {', '.join(ATTACKS)}", file=sys.stderr)
        return 2
    minutes, seed = asked
    folder = ROOT / "data" / "hostile" / f"{time.strftime('%Y%m%d-%H%M%S')}-seed-{seed}"
    folder.mkdir(parents=True)
    again = " ".join(("hostile", f"{minutes:g}", str(seed), *arguments[2:]))
    print(f"{minutes:g} minutes, seed {seed}; `{hint(again)}` draws the same\n", flush=True)
    began_s = time.monotonic()
    say = partial(print, flush=True)
    verdict = run(folder, Plan.of_minutes(minutes), seed=seed, say=say, attacks=attacks)
    Console(soft_wrap=True).print(table(verdict, seed))
    print(f"{verdict.report.summary}\n{time.monotonic() - began_s:.0f} s in all, seed {seed}")
    if verdict.holds:
        shutil.rmtree(folder)
        return 0
    print(f"NOT HELD; everything is kept in {folder}")
    return 1


def table(verdict: Verdict, seed: int) -> Table:
    """Return the verdict as one table: the promises, then what the strangers did."""
    shown = Table("", "wanted", "seen", "", title=f"hostile load, seed {seed}", title_justify="left")
    for check in verdict.checks:
        shown.add_row(check.name, check.wanted, check.seen, "ok" if check.holds else "NOT HELD")
    shown.add_section()
    for name, attempts in verdict.attempts.items():
        shown.add_row(name, "", f"{attempts:,} times", "")
    return shown


def _asked(arguments: Sequence[str]) -> tuple[float, int] | None:
    try:
        minutes = float(arguments[0]) if arguments else MINUTES_DEFAULT
        seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(_SEEDS)
    except ValueError:
        return None
    return (minutes, seed) if 0 < minutes <= MINUTES_MAX else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
