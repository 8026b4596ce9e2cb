"""The pure parts of the load tests: draws, profiles, measures, thresholds, report, comparison."""

import random
import re
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.errors import LoadError, UsageError
from loadtests.reporting.charts import line_chart
from loadtests.reporting.compare import comparison, summary_at
from loadtests.reporting.report import headline
from loadtests.traffic.additions import Draw
from loadtests.traffic.generator import broken
from loadtests.traffic.measures import Histogram, Window
from loadtests.traffic.profiles import PROFILES, Profile, Stage, Threshold, profile_called
from loadtests.traffic.spans import SLOWEST_KEPT, Spans

TAG = bytes.fromhex("0123456789ab")
GRAMMAR = re.compile(r"-?[0-9]{1,29}(\.[0-9]{1,9})?")
EXACT = Context(prec=60)


def test_ids_are_uuids_that_bear_the_tag_of_the_run():
    """Drawn ids are distinct UUIDs of version 8 that begin with the tag of their run."""
    draw = Draw.seeded(TAG, 1)
    form = re.compile(r"01234567-89ab-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    ids = [each.request_id for each in draw.many(10_000)]
    assert all(form.fullmatch(each) for each in ids)
    assert len(set(ids)) == len(ids)


def test_operands_keep_the_grammar_and_sums_are_exact():
    """Every drawn operand fits the contract's grammar, and the drawn sum is the exact one."""
    draw = Draw.seeded(TAG, 2)
    for addition in draw.many(5_000):
        assert GRAMMAR.fullmatch(addition.a)
        assert GRAMMAR.fullmatch(addition.b)
        assert EXACT.add(Decimal(addition.a), Decimal(addition.b)) == Decimal(addition.sum).scaleb(-9, EXACT)


def test_a_seed_repeats_the_operands():
    """Two draws of one seed give the same additions, so that a run can be repeated."""
    first, second = Draw.seeded(TAG, 3), Draw.seeded(TAG, 3)
    assert first.many(100) == second.many(100)


@given(st.lists(st.floats(0.02, 100_000), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_within_two_percent_of_the_exact_one(values, share):
    """A quantile of the histogram is never below the exact one and at most 2 % above it."""
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    rank = next(number for number in range(1, len(values) + 1) if share * len(values) - number <= 0)
    exact = sorted(values)[rank - 1]
    assert exact / 1.0001 <= histogram.quantile(share) <= exact * 1.0205


def test_a_histogram_stays_small_however_much_it_counts():
    """50,000 latencies take fewer than 1,000 buckets, so that memory does not grow with the run."""
    histogram, rng = Histogram(), random.Random(4)
    for _ in range(50_000):
        histogram.record(rng.lognormvariate(3, 2))
    assert len(histogram._buckets) < 1_000


def test_an_answer_that_was_not_expected_is_counted_with_its_reason():
    """An unexpected answer raises the unexpected share and is listed by operation and reason."""
    window = Window()
    window.answered("conflict", "ALREADY_EXISTS", 1.0, None)
    window.answered("conflict", "OK", 1.0, "OK instead of ALREADY_EXISTS")
    assert window.figures()["unexpected_share"] == 0.5
    assert window.unexpected == {"conflict: OK instead of ALREADY_EXISTS": 1}


def test_a_ramp_goes_in_straight_lines():
    """The target rate moves linearly between the stages, ends at zero and scales with the duration."""
    profile = Profile(name="x", meaning="", stages=[Stage(10, 100), Stage(10, 100), Stage(5, 0)], thresholds=[])
    assert [profile.target_at(at) for at in (0, 5, 10, 15, 22.5, 99)] == [0, 50, 100, 100, 50, 0]
    assert profile.lasting(2).target_at(10) == 50


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_every_profile_has_thresholds_and_something_to_do(profile):
    """Each profile judges latency and unexpected answers and has at least one operation."""
    figures = {each.figure for each in profile.thresholds}
    assert "unexpected_share" in figures
    assert any(figure.endswith("_ms") for figure in figures)
    assert sum(weight for _, weight in profile.weights) > 0


def test_a_profile_that_is_not_there_is_named_with_those_that_are():
    """An unknown profile is refused by name, together with the list of profiles."""
    with pytest.raises(UsageError, match="'peek'; there are smoke, load, peak"):
        profile_called("peek")


def test_a_threshold_is_broken_by_more_and_by_nothing_measured():
    """A threshold holds at its limit and breaks above it or when its figure was not measured."""
    thresholds = [Threshold("add_p50_ms", 10), Threshold("dropped", 0, equal=True), Threshold("visible_p95_ms", 5)]
    assert broken(thresholds, {"add_p50_ms": 10, "dropped": 0, "visible_p95_ms": 5}) == ()
    found = broken(thresholds, {"add_p50_ms": 11, "dropped": 1})
    assert found == ("add_p50_ms <= 10: 11", "dropped = 0: 1", "visible_p95_ms <= 5: nothing was measured")


def test_a_sampled_iteration_leads_to_a_trace_and_only_the_slowest_are_kept():
    """A sampled call carries a W3C traceparent, and only the slowest calls are kept, slowest first."""
    spans = Spans(1.0, random.Random(5))
    seen = set()
    for _ in range(SLOWEST_KEPT + 10):
        with spans.root("add") as metadata:
            (name, value) = metadata[0]
            assert name == "traceparent"
            assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", value)
            seen.add(value.split("-")[1])
    slowest = spans.finish()
    assert len(slowest) == SLOWEST_KEPT
    assert {each.trace_id for each in slowest} <= seen
    assert slowest == sorted(slowest, reverse=True)


def test_an_iteration_that_is_not_sampled_says_so_to_the_services():
    """A call that is not sampled sends a traceparent with the sampled flag off and is not kept."""
    spans = Spans(0.0, random.Random(6))
    with spans.root("add") as metadata:
        assert metadata[0][1].endswith("-00")
    assert spans.finish() == []


def test_a_chart_keeps_its_peak_when_it_is_thinned():
    """A chart of 10,000 seconds has at most 800 points and still shows its highest one."""
    line = [(float(second), 1000.0 if second == 5000 else 1.0) for second in range(10_000)]
    svg = line_chart("Latency", "ms", {"p99": line})
    points = re.search(r'points="([^"]+)"', svg)
    assert points is not None
    assert len(points[1].split()) <= 800
    assert min(float(each.split(",")[1]) for each in points[1].split()) == 10.0


def run_of(**figures: float) -> dict[str, object]:
    verdict = {
        "holds": False, "lost": 2, "doubled": 0, "wrong_sum": 0, "refused_but_counted": 0, "never_sent": 1,
        "counted": 8, "unknown_counted": 0, "digest": {"acked": 10, "unknown": 0},
    }  # fmt: skip
    return {"profile": "smoke", "started_at": "now", "machine": {"cores": "2"}, "cpu_cores": {"load": 0.5},
            "figures": figures, "verdict": verdict}  # fmt: skip


def test_the_headline_tells_lost_and_doubled_always():
    """The headline of a broken run says how many additions were lost, doubled and never sent."""
    assert headline(run_of()).startswith("verdict BROKEN: lost 2, doubled 0, never sent 1; 10 acknowledged")


def test_two_runs_are_shown_with_their_ratio_and_what_differs():
    """A comparison shows each figure's ratio and notes a different profile or machine."""
    other = {**run_of(add_p50_ms=3.0), "profile": "load", "machine": {"cores": "4"}}
    table, notes = comparison(run_of(add_p50_ms=2.0), other)
    assert [next(iter(column.cells)) for column in table.columns] == ["add_p50_ms", "2", "3", "1.50"]
    assert any("profiles differ" in note for note in notes)
    assert any("cores: 2 and 4" in note for note in notes)


def test_what_is_no_run_is_named(tmp_path):
    """A folder without the summary of a run is refused with what was expected."""
    with pytest.raises(LoadError, match="is not a run of `just load`"):
        summary_at(tmp_path)
