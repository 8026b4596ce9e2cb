"""`just mutants [WORD...]`: try every mutant, or those whose name or file has one of the words; exit 1 unless all die.

First the tests that must kill run once on the tree as it is and must pass. Then two mutants at a time are tried, each
in a copy of the tree of its own.
"""

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests_support.checkout import ROOT, tracked
from tests_support.mutants.catalogue import Mutant, catalogue
from tests_support.mutants.trial import Trial, Verdict, copy_tree, run_tests, try_mutant

AT_ONCE = 2
OUTPUT_LINES = 25


def main(words: Sequence[str]) -> int:
    """Return the exit code."""
    chosen = [mutant for mutant in catalogue() if not words or any(w in f"{mutant.name} {mutant.file}" for w in words)]
    if not chosen:
        print(f"no mutant's name or file has one of: {' '.join(words)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="tally-mutants-") as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            trees.put(copy_tree(ROOT, tracked(), Path(folder) / str(number)))
        return _judge(chosen, trees)


def _judge(chosen: Sequence[Mutant], trees: "SimpleQueue[Path]") -> int:
    killers = sorted({mutant.killer for mutant in chosen})
    print(f"{len(killers)} tests on the tree as it is ...", flush=True)
    tree = trees.get()
    whole = run_tests(tree, killers)
    trees.put(tree)
    if whole.returncode != 0:
        print(f"the tree fails by itself, so no mutant can be judged:\n{_end_of(whole.stdout + whole.stderr)}")
        return 1
    print(f"they pass; {len(chosen)} mutants follow\n", flush=True)

    def attempt(mutant: Mutant) -> Trial:
        own = trees.get()
        try:
            return try_mutant(own, mutant)
        finally:
            trees.put(own)

    trials = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for trial in pool.map(attempt, chosen):
            _show(trial)
            trials.append(trial)
    killed = sum(trial.verdict is Verdict.KILLED for trial in trials)
    print(f"\n{killed} of {len(trials)} mutants killed ({100 * killed // len(trials)} %)")
    return 0 if killed == len(trials) else 1


def _show(trial: Trial) -> None:
    mutant = trial.mutant
    killer = mutant.killer.rpartition("/")[2]
    print(f"{trial.verdict:8}  {mutant.breaks:9}  {mutant.name}", flush=True)
    print(f"          {'':9}  {mutant.file}; {killer}  ({trial.took_s:.1f} s)", flush=True)
    if trial.verdict is not Verdict.KILLED:
        print(_end_of(trial.output), flush=True)


def _end_of(output: str) -> str:
    return "\n".join(f"    | {line}" for line in output.splitlines()[-OUTPUT_LINES:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
