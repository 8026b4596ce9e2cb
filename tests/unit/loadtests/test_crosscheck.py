"""The cross-check with an independent client: what its report means, and when both agree."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests import __main__ as command
from loadtests.errors import LoadError
from loadtests.external import crosscheck
from loadtests.external.crosscheck import Seen, agree, from_report, in_turns, seen_by_ghz, table_of
from loadtests.run import Plan, Result
from loadtests.target import Target
from tests_support.load.results import result_in

REPORT = {
    "statusCodeDistribution": {"OK": 98, "Unavailable": 2},
    "latencyDistribution": [
        {"percentage": each, "latency": each * 100_000} for each in (10, 25, 50, 75, 90, 95, 99)
    ],
}  # fmt: skip


def test_a_report_of_ghz_is_read_in_milliseconds():
    """ghz's report in nanoseconds is read in milliseconds, with its answers counted as good or bad."""
    assert from_report(REPORT) == Seen("ghz", 98, 2, {50: 5.0, 95: 9.5, 99: 9.9})


@pytest.mark.parametrize("report", [{}, {"statusCodeDistribution": {"Unavailable": 2}, "latencyDistribution": []}])
def test_a_report_without_an_answer_is_no_measurement(report):
    """A ghz report without a good answer is an error and is not compared."""
    with pytest.raises(LoadError, match="ghz had no answer to measure"):
        from_report(report)


def test_the_sides_take_turns_and_neither_is_always_first():
    """The compared clients take turns, each first in every other round, so that disturbances hit both."""
    sides = [lambda number: f"a{number}", lambda number: f"b{number}"]
    assert in_turns(3, sides) == ["a0", "b0", "b1", "a1", "a2", "b2"]  # type: ignore[arg-type, comparison-overlap]


def test_medians_of_the_rounds_are_compared():
    """Clients are compared by the medians of their rounds, so one slow round decides nothing."""
    seen = [Seen("ours", 10, 0, {50: ms, 95: ms, 99: ms}) for ms in (2.0, 90.0, 2.2)]
    seen += [Seen("ghz", 10, 1, {50: ms, 95: ms, 99: ms}) for ms in (2.0, 2.0, 2.0)]
    table, ratio = table_of(seen)
    assert "| ours | 30 | 0 | 2.20 | 2.20 | 2.20 | 2.00, 90.00, 2.20 |" in table
    assert "| ghz | 30 | 3 | 2.00 |" in table
    assert ratio == pytest.approx(1.1)


@pytest.mark.parametrize(("ratio", "same"), [(1.0, True), (1.25, True), (0.8, True), (1.3, False), (0.75, False)])
def test_clients_agree_within_a_quarter(ratio, same):
    """Two clients agree if neither median is more than a quarter above the other."""
    assert agree(ratio) is same


def test_a_ghz_that_makes_no_report_is_told_with_what_it_said(tmp_path: Path) -> None:
    """A ghz that makes no report is reported with its exit code, its target and its own words."""
    program = tmp_path / "ghz"
    program.write_text("#!/bin/sh\necho 'no such method' >&2\nexit 1\n")
    program.chmod(0o700)
    with pytest.raises(LoadError, match="ghz ended with 1 and no report on host:1; it says: no such method"):
        seen_by_ghz(program, "host:1", 200, 1, tmp_path / "contract.protoset")


@pytest.mark.parametrize(("lost", "p50_ms", "code"), [(0, 12.0, 0), (0, 60.0, 99), (1, 12.0, 1), (1, 60.0, 1)])
def test_a_broken_verdict_fails_the_check_whatever_the_latencies_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lost: int, p50_ms: float, code: int
) -> None:
    """The outcomes of a round stay only where somebody has to find out what was lost."""

    def run(plan: Plan) -> Result:
        plan.folder.mkdir()
        result = result_in(plan.folder)
        assert result.verdict is not None
        return replace(result, broken=(), verdict=replace(result.verdict, lost=lost))

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(command, "_FOLDER", tmp_path)
    monkeypatch.setattr(command, "running_system", lambda: Target(grpc="", rest="", kafka="", registry=""))
    monkeypatch.setattr("stack.fetch.go_programs.ensure", lambda *_: tmp_path / "ghz")
    quantiles = dict.fromkeys((50, 95, 99), p50_ms)
    monkeypatch.setattr(crosscheck, "seen_by_ghz", lambda *_: Seen("ghz", 1, 0, quantiles))
    monkeypatch.setattr("sys.argv", ["loadtests", "check", "--rounds", "2"])
    assert command.main() == code
    assert len(list(tmp_path.glob("*-check/*/outcomes.bin"))) == 2 * lost


@pytest.mark.parametrize("option", ["--rate", "--seconds"])
@pytest.mark.parametrize("value", ["0", "0.4", "-1", "ten"])
def test_a_rate_that_ghz_would_take_for_no_limit_is_refused(option: str, value: str) -> None:
    """A rate or a duration that is not a positive whole number is refused, since ghz takes 0 for no limit."""
    done = CliRunner().invoke(command.program, ["check", option, value])
    assert done.exit_code == 2
    assert option in done.stderr
