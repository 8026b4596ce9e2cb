"""`just hostile [MINUTES] [SEED] [ATTACK...]`: hostile load beside healthy load, then what was promised.

Exit 1 unless it holds. Without names of attacks all of them are made.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.table import Table

from tests_support import seeded_run
from tests_support.hostile.crowd import ATTACKS
from tests_support.hostile.run import Plan, Verdict, run


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    attacks = arguments[2:]
    if unknown := [name for name in attacks if name not in ATTACKS]:
        print(f"there is no attack {unknown[0]!r}; there are: {', '.join(ATTACKS)}", file=sys.stderr)
        return 2
    asked = seeded_run.begin("hostile", arguments[:2], attacks)
    if asked is None:
        return 2
    began_s = time.monotonic()
    say = partial(print, flush=True)
    verdict = run(
        asked.folder, Plan.of_minutes(asked.minutes), seed=asked.seed, say=say, attacks=attacks or (*ATTACKS,)
    )
    Console(soft_wrap=True).print(table(verdict, asked.seed))
    print(f"{verdict.report.summary}\n{time.monotonic() - began_s:.0f} s in all, seed {asked.seed}")
    if verdict.holds:
        shutil.rmtree(asked.folder)
        return 0
    print(f"NOT HELD; everything is kept in {asked.folder}")
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
