"""The demonstration's own arithmetic: the independent sum, the verdict, and when the kills are due."""

import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import dataset
from demo.havoc import PLAN, Havoc
from demo.screen import Check, Screen
from demo.truth import truth_of
from tally.cli.failures import CommandError
from tally.event import decimals

NUMBERS = st.from_regex(decimals.GRAMMAR, fullmatch=True)
CELLS = st.one_of(NUMBERS, st.sampled_from(["NA", "", "NaN", "Infinity", "x"]))


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=30))
def test_the_independent_sum_is_exact_and_counts_only_rows_with_both_numbers(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The demo's own sum over a CSV file is exact and leaves out rows that lack a number."""
    file = tmp_path_factory.getbasetemp() / "truth.csv"
    file.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows), encoding="utf-8")
    good = [(a, b) for a, b in rows if a[-1:].isascii() and a[-1:].isdigit() and b[-1:].isascii() and b[-1:].isdigit()]
    truth = truth_of(file, "a", "b")
    assert (truth.rows, truth.usable, truth.rejects) == (len(rows), len(good), len(rows) - len(good))
    assert Fraction(truth.total) == sum((Fraction(a) + Fraction(b) for a, b in good), Fraction(0))


def test_the_verdict_names_what_is_wrong_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """A check that fails is named on standard error, and the demo does not claim that its checks hold."""
    assert not Screen(1).verdict([Check.equal("total", 3, 4), Check.equal("count", 1, 1)])
    shown = capsys.readouterr()
    assert "FAILED: total" in shown.err
    assert "WRONG" in shown.out
    assert "checks hold" not in shown.out


def test_the_verdict_holds_only_when_every_check_does(capsys: pytest.CaptureFixture[str]) -> None:
    """The demo succeeds if all checks hold and fails if one does not."""
    assert Screen(1).verdict([Check.equal("total", 3, 3), Check.at_least("repetitions", 2, 3)])
    assert not Screen(1).verdict([Check.at_least("repetitions", 3, 2)])
    assert "All 2 checks hold" in capsys.readouterr().out


class FakeStack:
    """Notes what is done to it; a part that runs can be killed, one that was killed can be started."""

    def __init__(self) -> None:
        self.running = {"producer", "consumer"}
        self.done: list[str] = []

    def pid(self, part: str) -> int:
        return 1

    def kill(self, part: str) -> None:
        self.running.remove(part)
        self.done.append(f"kill {part}")

    def start(self, part: str) -> None:
        assert part not in self.running
        self.done.append(f"start {part}")

    def wait_ready(self, part: str, timeout_s: float) -> None:
        self.running.add(part)


@pytest.mark.parametrize("steps", [1, 7, 1000])
async def test_every_planned_kill_happens_once_and_every_part_comes_back(steps: int) -> None:
    """In steps of any size each planned kill happens once, in order, and all parts run at the end."""
    stack: Any = FakeStack()
    havoc = Havoc(stack, 1000, lambda _: None)
    for step in range(1, steps + 1):
        await havoc.at(1000 * step // steps)
    await havoc.calm()
    assert havoc.kills == len(PLAN)
    assert [done for done in stack.done if done.startswith("kill")] == [f"kill {kill.part}" for kill in PLAN]
    assert stack.running == {"producer", "consumer"}


async def test_no_part_is_killed_before_its_moment() -> None:
    """The first kill waits until its share of the rows is loaded."""
    stack: Any = FakeStack()
    havoc = Havoc(stack, 1000, lambda _: None)
    await havoc.at(99)
    assert havoc.kills == 0
    await havoc.at(100)
    await havoc.calm()
    assert havoc.kills == 1


def archive(tmp_path: Path, lines: int) -> Path:
    path = tmp_path / "flights.csv.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("flights.csv", "a,b\n" + "1,2\n" * lines)
    return path


@pytest.mark.parametrize(("limit", "lines"), [(None, 51), (10, 11), (100, 51)])
def test_a_limit_takes_the_header_and_the_first_rows(tmp_path: Path, limit: int | None, lines: int) -> None:
    """A limit keeps the header and so many rows; without one, or with a larger one, all are kept."""
    dataset.unpack(archive(tmp_path, 50), tmp_path / "out.csv", limit)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == lines


def test_a_damaged_archive_is_told_with_its_cure(tmp_path: Path) -> None:
    """A data set that is no ZIP archive is refused with the advice to delete its folder."""
    (tmp_path / "broken.zip").write_bytes(b"nothing")
    with pytest.raises(CommandError, match="delete its folder"):
        dataset.unpack(tmp_path / "broken.zip", tmp_path / "out.csv", None)
