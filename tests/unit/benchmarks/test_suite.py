"""A bench that fails hides no other one, and the run says so by its exit code."""

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks.results import Comparison, Sample, Target
from benchmarks.suite import ReportedError, Suite
from stack import Stack


def comparison(name: str) -> Comparison:
    one = [Sample(value=1.0)]
    return Comparison(
        name=name, unit="calls/s", subject="ours", limit="bare", target=Target(ratio=0.6),
        subject_samples=one, limit_samples=one,
    )  # fmt: skip


def test_those_after_a_failure_are_run_and_the_failure_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A bench that raises is named with its error, and the benches after it still run."""
    suite = Suite()
    with suite.attempt("first"):
        raise OSError("no such broker")
    with suite.attempt("second"):
        suite.comparisons.append(comparison("second"))
    assert [each.name for each in suite.comparisons] == ["second"]
    assert suite.failed == ["first"]
    told = capsys.readouterr().err
    assert "bench first failed" in told
    assert "no such broker" in told


def test_a_failure_on_a_shared_stack_fails_the_stack_and_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """So that the stack keeps its data, while only the bench that failed is named."""
    suite, left = Suite(), []
    with suite.attempt("one", "two"):
        for name in ("one", "two"):
            with suite.attempt(name):
                if name == "one":
                    raise ValueError("broken")
        try:
            suite.check(["one", "two"])
        except ReportedError as error:
            left.append(str(error))
            raise
    assert suite.failed == ["one"]
    assert left == ["one"]
    assert capsys.readouterr().err.count("Traceback") == 1


def test_a_run_with_a_failed_bench_shows_the_others_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A run with a failed bench shows and writes the others, ends with code 1 and names the failed one last."""

    def measure(suite: Suite, *_: object) -> None:
        with suite.attempt("idle"):
            raise ValueError("broken")
        with suite.attempt("consumer"):
            suite.comparisons.append(comparison("consumer"))

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command, "DIRECTORY", tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    assert command.main() == 1
    seen = capsys.readouterr()
    assert "consumer" in seen.out
    assert "written to" in seen.out
    assert seen.err.splitlines()[-1] == "failed, see above: idle"


def test_benches_of_calls_go_on_after_one_of_them_and_their_data_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bench that fails on the shared stack is named, the next one still runs, and the stack's data stay."""

    def broken(_stack: Stack, _size: object) -> Comparison:
        raise ValueError("broken")

    monkeypatch.setattr(command, "DIRECTORY", tmp_path)
    monkeypatch.setattr(command, "create_bare_topic", lambda _stack: None)
    monkeypatch.setattr("stack.Stack.up", lambda *_arguments, **_options: None)
    monkeypatch.setattr(command, "CALLS", {"unary": broken, "idle": lambda _stack, _size: comparison("idle")})
    suite = Suite()
    command.measure(suite, ["unary", "idle"], True, Console(quiet=True))
    assert suite.failed == ["unary"]
    assert [each.name for each in suite.comparisons] == ["idle"]
    assert (tmp_path / "data" / "calls").exists()
