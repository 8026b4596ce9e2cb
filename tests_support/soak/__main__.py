"""`just chaos [MINUTES] [SEED]`: faults at random against a live system, then the oracle; exit 1 on any violation."""

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests_support import seeded_run
from tests_support.soak.run import soak


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    asked = seeded_run.begin("chaos", arguments)
    if asked is None:
        return 2
    began_s = time.monotonic()
    done = soak(asked.folder, duration_s=asked.minutes * 60, seed=asked.seed, say=lambda line: print(line, flush=True))
    print(f"\n{done.report}\n")
    print(
        f"{done.faults} faults, {done.acknowledged:,} additions acknowledged, {done.unknown} unknown after all retries"
    )
    print(f"{time.monotonic() - began_s:.0f} s in all; the report: {done.page}")
    if done.report.clean:
        _tidy(asked.folder)
        return 0
    print(f"VIOLATED; everything is kept in {asked.folder}")
    return 1


def _tidy(folder: Path) -> None:
    """Keep nothing but the report of a run that held."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".html":
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
