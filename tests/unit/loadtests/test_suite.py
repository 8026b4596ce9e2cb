"""Several runs in a row: which, what their table says, and how the command ends."""

import pytest

from loadtests.errors import UsageError
from loadtests.reporting.suite import Step, exit_code_of, steps_of, table_of
from loadtests.traffic.profiles import PROFILES


def summary_of(profile: str, exit_code: int = 0, *, limit: bool = False, **figures: float) -> dict[str, object]:
    verdict = {"lost": 0, "doubled": 0, "digest": {"acked": 1234}}
    usual = {"unexpected_share": 0.0, "calls_per_s_best_5_s": 100.0, "add_p50_ms": 1.25, "add_p95_ms": 2.5,
             "add_p99_ms": 1500.0}  # fmt: skip
    return {
        "profile": profile, "limit": limit, "exit_code": exit_code, "verdict": None if limit else verdict,
        "figures": usual | figures, "broken": ["add_p99_ms <= 500: 1500"] if exit_code == 99 else [],
        "cpu_cores": {"load": 0.5, "producer": 0.25}, "warnings": [], "started_at": "2026-11-26", "seed": 7,
        "machine": {"cores": "2"},
    }  # fmt: skip


def test_all_is_every_profile_but_the_soak_with_the_limit_beside_the_breakpoint():
    """ "all" runs every profile but the soak, and the breakpoint's limit, in minutes."""
    steps = steps_of("all", limit=False)
    assert [each.name for each in steps if not each.limit] == [name for name in PROFILES if name != "soak"]
    assert [each.name for each in steps if each.limit] == ["breakpoint-limit"]


def test_a_limit_is_run_after_its_profile():
    """`--limit` runs both, so that they can be compared."""
    assert steps_of("breakpoint", limit=True) == (Step("breakpoint"), Step("breakpoint", limit=True))


@pytest.mark.parametrize(
    ("name", "limit", "words"),
    [
        ("peek", False, "there is no profile 'peek'; there are smoke, load, peak, .*, kafka, all"),
        ("e2e", True, "--limit goes with a profile that only adds"),
        ("all", True, "--limit goes with one profile"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_is_allowed(name, limit, words):
    """An unknown profile, or --limit where it makes no sense, is refused with what is allowed."""
    with pytest.raises(UsageError, match=words):
        steps_of(name, limit=limit)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([("smoke", 0), ("load", 0)], 0),
        ([("smoke", 0), ("breakpoint", 99)], 0),
        ([("breakpoint", 99)], 99),
        ([("load", 99), ("breakpoint", 99)], 99),
        ([("load", 99), ("kafka", 1), ("peak", 0)], 1),
    ],
)
def test_the_worst_run_decides_and_a_breakpoint_that_was_found_is_good(codes, expected):
    """A broken verdict is worse than a crossed threshold; among others a breakpoint is what was looked for."""
    assert exit_code_of([summary_of(name, code) for name, code in codes]) == expected


def test_the_table_tells_each_run_and_the_ratio_to_the_limit():
    """The table of a suite has a row for each run and the breakpoint's share of the limit."""
    table = table_of([
        summary_of("e2e", visible_p50_ms=5.0, visible_p95_ms=9.0, visible_p99_ms=11.0),
        summary_of("breakpoint", 99, held_calls_per_s=400.0, held_add_p99_ms=450.0),
        summary_of("breakpoint", 99, limit=True, held_calls_per_s=1000.0, held_add_p99_ms=440.0),
    ])  # fmt: skip
    assert "| e2e | 0 | 0 | 0 | 1,234 | 0.00% | 100 | 1.25 / 2.5 / 1,500 | 0.50, 0.25, -, -, - |" in table
    assert "- e2e: visible after 5 / 9 / 11 ms (p50 / p95 / p99)" in table
    assert "- breakpoint: held 400 calls/s with a p99 of 450 ms" in table
    assert "- breakpoint: 400 of the empty handler's 1,000 calls/s: 40%" in table
