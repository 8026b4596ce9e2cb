"""A comparison is honest: medians, both spreads, the target beside the ratio."""

import io
import json
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import client_load, report
from benchmarks.results import Comparison, Sample, Target, alternate, in_turns, median, medians_of_details, spread
from tally.generated.tally.v1 import tally_pb2


def samples(*values: float) -> list[Sample]:
    return [Sample(value=value, details={"p99_ms": 2 * value}) for value in values]


def comparison(target: Target, subject: list[Sample], limit: list[Sample]) -> Comparison:
    return Comparison(
        name="unary", unit="calls/s", subject="ours", limit="bare", target=target,
        subject_samples=subject, limit_samples=limit, notes=("a note",),
    )  # fmt: skip


def test_sides_run_in_turns_after_a_turn_that_does_not_count() -> None:
    """What disturbs the machine disturbs all of them, and none always follows the same one."""
    order: list[str] = []

    def side(name: str) -> Sample:
        order.append(name)
        return Sample(value=len(order))

    samples = in_turns({name: partial(side, name) for name in "abcd"}, 6)
    turns = ["".join(order[at : at + 4]) for at in range(0, 28, 4)]
    assert all(sorted(turn) == ["a", "b", "c", "d"] for turn in turns)
    for name in "abcd":
        assert [sample.value for sample in samples[name]] == [at + 1 for at in range(4, 28) if order[at] == name]
        assert len({turn[turn.index(name) - 1] for turn in turns[1:] if turn[0] != name}) > 1


def test_limit_and_subject_are_two_such_sides() -> None:
    """A bench and its limit run in turns, and each keeps its own samples."""
    limits, subjects = alternate(lambda: Sample(value=1), lambda: Sample(value=2), 3)
    assert [sample.value for sample in limits] == [1, 1, 1]
    assert [sample.value for sample in subjects] == [2, 2, 2]


def test_one_bad_round_does_not_move_the_median() -> None:
    """An outlier widens the shown spread and leaves the median as it is, for details, too."""
    assert median(samples(10, 11, 9000)) == 11
    assert spread(samples(10, 11, 9000)) == (10, 9000)
    assert medians_of_details(samples(1, 2, 3)) == {"p99_ms": 4}


@pytest.mark.parametrize(
    ("target", "subject", "reached", "shown"),
    [
        (Target(ratio=0.6), 60.0, True, "60%"),
        (Target(ratio=0.6), 59.0, False, "59%"),
        (Target(ratio=3.0, higher_is_better=False), 300.0, True, "3.00 x"),
        (Target(ratio=3.0, higher_is_better=False), 301.0, False, "3.01 x"),
    ],
)
def test_a_target_is_reached_on_its_own_side(target: Target, subject: float, reached: bool, shown: str) -> None:
    """A target is a floor for a rate and a ceiling for a latency, and its ratio is shown accordingly."""
    made = comparison(target, samples(subject), samples(100.0))
    assert made.reached is reached
    assert target.shown(made.ratio) == shown


def test_the_table_and_the_file_tell_figures_target_and_machine(tmp_path: Path) -> None:
    """The printed table has medians, spread, target and machine, and the file has every sample."""
    made = comparison(Target(ratio=0.6), samples(50, 60, 70), samples(100))
    screen = io.StringIO()
    report.show(Console(file=screen, width=160), {"cores": "2"}, [made])
    for expected in ("unary", "60.00 (50.00 to 70.00)", "60%", ">= 60%", "reached", "cores 2", "a note"):
        assert expected in screen.getvalue()
    written = json.loads(report.write(tmp_path, {"cores": "2"}, [made]).read_text())
    assert written["machine"] == {"cores": "2"}
    assert written["benches"][0]["ratio"] == 0.6
    assert len(written["benches"][0]["subject_samples"]) == 3


def test_only_answers_with_a_sum_count_as_ok() -> None:
    """An empty answer and a refused addition of a batch do not count as calls that succeeded."""
    good = tally_pb2.AddResponse(sum="3")
    assert client_load.ok_of_add(good.SerializeToString()) == 1
    assert client_load.ok_of_add(b"") == 0
    batch = tally_pb2.AddBatchResponse(results=[tally_pb2.AddResult(response=good), tally_pb2.AddResult()])
    batch.results[1].status.code = 3
    assert client_load.ok_of_batch(batch.SerializeToString()) == 1
    columns = tally_pb2.AddColumnsResponse(sums=bytes(48), offsets=[7, -1, 9])
    assert client_load.ok_of_columns(columns.SerializeToString()) == 2
    assert client_load.ok_of_columns(b"") == 0
