"""The table at the end of a run: a row for each fault, with what became of its cases."""

from dataclasses import dataclass

from tests_support.running.recovery import catalogue, table

ROW = next(catalogue())
NODE = f"{ROW['path']}::{ROW['test']}"


@dataclass(frozen=True)
class Phase:
    """A report as pytest makes one of each phase of a test."""

    nodeid: str
    outcome: str
    when: str | None
    capstdout: str = ""


def seen(*phases: Phase) -> list[str]:
    """Return the cells of the table's only row: cases, what was seen, times."""
    *_, row = table(phases)
    return [cell.strip() for cell in row.split("|")[2:-1]]


def test_times_of_one_kind_stand_together_with_their_median() -> None:
    """Recovery times of a fault's cases are shown as one range with their median."""
    cases = [Phase(f"{NODE}[{n}]", "passed", "call", f"recovery: it serves {n}.00 s\n") for n in (1, 2, 9)]
    assert seen(*cases) == ["3", "no invariant broke", "it serves 1.0 to 9.0 s, median of 3 2.0 s"]


def test_a_case_whose_tear_down_fails_has_failed_and_is_counted_once() -> None:
    """The oracle may speak there; and what the call printed is in that report as well."""
    said = "recovery: it serves 1.50 s\n"
    phases = Phase(NODE, "passed", "call", said), Phase(NODE, "failed", "teardown", said)
    assert seen(*phases) == seen(*phases[::-1]) == ["1", "1 failed", "it serves 1.5 s"]


def test_a_case_that_could_not_be_set_up_or_was_skipped_is_told() -> None:
    """A case that failed in its set-up or was skipped is counted as such in the table."""
    broken, left_out = Phase(f"{NODE}[a]", "failed", "setup"), Phase(f"{NODE}[b]", "skipped", "setup")
    assert seen(broken, left_out) == ["2", "1 failed, 1 skipped", "-"]


def test_without_a_fault_there_is_no_table() -> None:
    """A run without any test of a fault prints no table."""
    assert table([Phase("tests/unit/test_cures.py::test_x", "passed", "call", "recovery: it serves 1.00 s\n")]) == []
