"""The verdict of a load test: lost and doubled are found, and memory does not grow with the run."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loadtests.judging.ledger_source import counted_rows
from loadtests.judging.verdict import FAULTS, ROW_DTYPE, Verdict, judge, judge_counts
from loadtests.traffic.additions import Draw, DrawnAddition
from loadtests.traffic.outcomes import Digest, Outcome, OutcomeLog
from tally.base.uuid_text import uuid_text

TAG = bytes.fromhex("0123456789ab")
ROOT = Path(__file__).parents[3]


def sent(folder: Path, outcomes: Sequence[Outcome]) -> tuple[list[DrawnAddition], Digest]:
    draw = Draw.seeded(TAG, 1)
    log = OutcomeLog(folder / "outcomes", TAG)
    additions = []
    for outcome in outcomes:
        addition = draw.next()
        log.begin(addition)
        log.settle(addition, outcome)
        additions.append(addition)
    return additions, log.close()


def rows(additions: Sequence[DrawnAddition]) -> np.ndarray:
    raw = b"".join(each.id_bytes + each.sum.to_bytes(16, "big", signed=True) for each in additions)
    return np.frombuffer(raw, ROW_DTYPE)


def verdict_of(folder: Path, digest: Digest, ledger: Sequence[DrawnAddition]) -> Verdict:
    return judge(folder / "outcomes", digest, [rows(ledger)], folder / "buckets")


def faults(verdict: Verdict) -> dict[str, int]:
    return {fault: getattr(verdict, fault) for fault in FAULTS if getattr(verdict, fault)}


def test_a_ledger_with_each_acknowledged_addition_once_holds(tmp_path):
    """The verdict holds for a ledger with each acknowledged addition once, in any order."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 1000)
    verdict = verdict_of(tmp_path, digest, additions[::-1])
    assert verdict.holds
    assert (verdict.counted, verdict.counted_sum) == (1000, digest.acked_sum)


def test_an_acknowledged_addition_that_is_missing_is_lost(tmp_path):
    """An acknowledged addition that the ledger lacks breaks the verdict as lost and is named by its id."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 1000)
    verdict = verdict_of(tmp_path, digest, additions[:-1])
    assert faults(verdict) == {"lost": 1}
    assert verdict.examples["lost"] == [additions[-1].request_id]
    assert not verdict.holds


def test_an_addition_that_is_counted_twice_is_doubled(tmp_path):
    """Each further row of a counted addition breaks the verdict as doubled and is named by its id."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 100)
    verdict = verdict_of(tmp_path, digest, [*additions, additions[7], additions[7]])
    assert faults(verdict) == {"doubled": 2}
    assert verdict.examples["doubled"] == [additions[7].request_id] * 2


@pytest.mark.parametrize("counted", [0, 1, 2])
def test_any_subset_of_the_unknown_outcomes_may_be_counted(tmp_path, counted):
    """An addition of unknown outcome may be counted or not, and the verdict tells how many were."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 10 + [Outcome.UNKNOWN] * 2)
    verdict = verdict_of(tmp_path, digest, additions[: 10 + counted])
    assert verdict.holds
    assert verdict.unknown_counted == counted


def test_what_was_refused_must_not_be_counted(tmp_path):
    """A refused addition that the ledger counts breaks the verdict."""
    additions, digest = sent(tmp_path, [Outcome.ACKED, Outcome.REFUSED])
    assert faults(verdict_of(tmp_path, digest, additions)) == {"refused_but_counted": 1}


def test_a_row_with_another_sum_is_found(tmp_path):
    """A counted row whose sum is not the acknowledged one breaks the verdict as a wrong sum."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 50)
    changed = [replace(additions[0], sum=additions[0].sum + 1), *additions[1:]]
    assert faults(verdict_of(tmp_path, digest, changed)) == {"wrong_sum": 1}


def test_an_id_of_the_run_that_nobody_sent_is_found(tmp_path):
    """A row with the run's tag but an id that was never drawn breaks the verdict."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 50)
    stranger = replace(additions[0], request_id=uuid_text(TAG + bytes(10)))
    assert faults(verdict_of(tmp_path, digest, [*additions, stranger])) == {"never_sent": 1}


def test_a_file_of_outcomes_that_was_cut_is_found_out(tmp_path):
    """A verdict over a truncated file of outcomes does not hold, since a loss could hide in the rest."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 50)
    file = tmp_path / "outcomes"
    file.write_bytes(file.read_bytes()[:-40])
    verdict = verdict_of(tmp_path, digest, additions)
    assert not verdict.holds
    assert "incomplete" in verdict.problems[0]


def test_a_run_without_any_addition_holds(tmp_path):
    """A run that sent nothing and a ledger without its rows make a verdict that holds."""
    _, digest = sent(tmp_path, [])
    assert verdict_of(tmp_path, digest, []).holds


def test_what_is_in_flight_at_the_end_is_unknown(tmp_path):
    """An addition that was begun and never settled is written as one entry of unknown outcome."""
    log = OutcomeLog(tmp_path / "outcomes", TAG)
    log.begin(Draw.seeded(TAG, 1).next())
    assert (log.close().unknown, (tmp_path / "outcomes").stat().st_size) == (1, 40)


def test_only_counted_rows_of_the_run_are_read_from_an_export(tmp_path):
    """Duplicates, poison and other runs' rows of an export do not enter the verdict."""
    file = tmp_path / "export.csv"
    addition = Draw.seeded(TAG, 1).next()
    mine, other = addition.request_id, "f" + addition.request_id[1:]
    file.write_text(
        "partition,offset,kind,request_id,a,b,sum,timestamp,reason\r\n"
        f"0,1,COUNTED,{mine},1,2,-40.25,2026-01-01T00:00:00Z,\r\n"
        f"0,2,DUPLICATE,{mine},1,2,-40.25,2026-01-01T00:00:00Z,\r\n"
        f"0,3,COUNTED,{other},1,2,3,2026-01-01T00:00:00Z,\r\n"
        "0,4,POISON,,,,,2026-01-01T00:00:00Z,FRAMING\r\n"
    )
    (found,) = counted_rows(file, TAG)
    assert found.tobytes() == addition.id_bytes + (-40_250_000_000).to_bytes(16, "big", signed=True)


MILLION = """
import sys, resource
from pathlib import Path
import numpy as np
from loadtests.traffic.outcomes import ENTRY_DTYPE, Digest
from loadtests.judging import verdict
count, folder = int(sys.argv[1]), Path(sys.argv[2])
def chunks(dtype):
    rng = np.random.default_rng(5)
    for start in range(0, count, 65536):
        n = min(65536, count - start)
        chunk = np.zeros(n, dtype)
        chunk["hi"], chunk["lo"] = rng.integers(0, 2**63, n), rng.integers(0, 2**63, n)
        chunk["sum_lo"] = 1
        if "outcome" in (dtype.names or ()):
            chunk["outcome"] = 1
        yield chunk
with (folder / "outcomes").open("wb") as file:
    total = 0
    for chunk in chunks(ENTRY_DTYPE):
        total = (total + verdict._fingerprint(chunk)) % 2**64
        file.write(chunk.tobytes())
digest = Digest("0" * 12, count, 0, 0, verdict.text_of(count), f"{total:016x}")
found = verdict.judge(folder / "outcomes", digest, chunks(verdict.ROW_DTYPE), folder / "buckets")
assert found.holds and found.counted == count, found
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def memory_kb(count: int, folder: Path) -> int:
    folder.mkdir()
    command = [sys.executable, "-c", MILLION, str(count), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
def test_ten_million_additions_are_judged_in_little_memory(tmp_path):
    """The verdict on ten million additions takes less than 200 MB more than that on a thousand."""
    assert memory_kb(10_000_000, tmp_path / "many") < memory_kb(1_000, tmp_path / "few") + 200_000


@pytest.mark.parametrize(
    ("outcomes", "ledger", "expected"),
    [
        ([Outcome.ACKED] * 9, [*range(9)], {}),
        ([Outcome.ACKED] * 9, [*range(8)], {"lost": 1}),
        ([Outcome.ACKED] * 9, [*range(9), 3, 3], {"doubled": 2}),
        ([Outcome.ACKED] * 8 + [Outcome.REFUSED], [*range(9)], {"never_sent": 1}),
        ([Outcome.ACKED] * 8 + [Outcome.UNKNOWN], [*range(9)], {}),
        ([Outcome.ACKED] * 8 + [Outcome.UNKNOWN], [*range(8)], {}),
    ],
)
def test_counts_alone_find_what_is_missing_doubled_or_too_much(tmp_path, outcomes, ledger, expected):
    """Without a list of the additions, counts tell a lost, a doubled and a surplus row; an unknown one may be there."""
    additions, digest = sent(tmp_path, outcomes)
    verdict = judge_counts(digest, [rows([additions[each] for each in ledger])], tmp_path / "buckets")
    assert faults(verdict) == expected
    assert verdict.holds == (not expected)


def test_counts_alone_find_a_wrong_sum(tmp_path):
    """Where nothing is unknown, the ledger's exact sum must be the acknowledged one."""
    additions, digest = sent(tmp_path, [Outcome.ACKED] * 9)
    ledger = [*additions[:8], replace(additions[8], sum=additions[8].sum + 1)]
    verdict = judge_counts(digest, [rows(ledger)], tmp_path / "buckets")
    assert faults(verdict) == {}
    assert verdict.problems
    assert not verdict.holds
