"""The cross-check with a client of other making: what its report means, and when both agree."""

import pytest

from loadtests.crosscheck import Seen, agree, from_report, in_turns, table_of
from loadtests.errors import LoadError

REPORT = {
    "statusCodeDistribution": {"OK": 98, "Unavailable": 2},
    "latencyDistribution": [
        {"percentage": each, "latency": each * 100_000} for each in (10, 25, 50, 75, 90, 95, 99)
    ],
}  # fmt: skip


def test_a_report_of_ghz_is_read_in_milliseconds():
    """ghz tells nanoseconds and codes by name."""
    assert from_report(REPORT) == Seen("ghz", 98, 2, {50: 5.0, 95: 9.5, 99: 9.9})


@pytest.mark.parametrize("report", [{}, {"statusCodeDistribution": {"Unavailable": 2}, "latencyDistribution": []}])
def test_a_report_without_an_answer_is_no_measurement(report):
    """A service that answered nothing is told, not compared."""
    with pytest.raises(LoadError, match="ghz had no answer to measure"):
        from_report(report)


def test_the_sides_take_turns_and_neither_is_always_first():
    """What the machine does in the meantime must not fall on one side."""
    sides = [lambda number: f"a{number}", lambda number: f"b{number}"]
    assert in_turns(3, sides) == ["a0", "b0", "b1", "a1", "a2", "b2"]  # type: ignore[arg-type, comparison-overlap]


def test_medians_of_the_rounds_are_compared():
    """One slow round does not decide."""
    seen = [Seen("ours", 10, 0, {50: ms, 95: ms, 99: ms}) for ms in (2.0, 90.0, 2.2)]
    seen += [Seen("ghz", 10, 1, {50: ms, 95: ms, 99: ms}) for ms in (2.0, 2.0, 2.0)]
    table, ratio = table_of(seen)
    assert "| ours | 30 | 0 | 2.20 | 2.20 | 2.20 | 2.00, 90.00, 2.20 |" in table
    assert "| ghz | 30 | 3 | 2.00 |" in table
    assert ratio == pytest.approx(1.1)


@pytest.mark.parametrize(("ratio", "same"), [(1.0, True), (1.25, True), (0.8, True), (1.3, False), (0.75, False)])
def test_clients_agree_within_a_quarter(ratio, same):
    """Further apart than that one of them measures something else."""
    assert agree(ratio) is same
