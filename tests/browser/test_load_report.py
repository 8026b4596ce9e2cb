"""The report of a load test in a real browser: a file that opens anywhere, with the verdict before all else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtests import report
from loadtests.additions import Draw
from loadtests.generator import Load
from loadtests.measures import Second, Window
from loadtests.outcomes import Outcome, OutcomeLog
from loadtests.profiles import PROFILES
from loadtests.run import Plan, Result
from loadtests.spans import Slow
from loadtests.target import Target
from loadtests.verdict import Verdict
from tests_support import chromium
from tests_support.waiting import eventually

BINARY = chromium.found()
SEEN_S = 30
HOSTILE = "<script>document.title='broken'</script>"
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no Chromium on the path, and TALLY_TEST_CHROMIUM does not name one"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    assert BINARY is not None
    with chromium.browser(BINARY, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def result_in(folder: Path) -> Result:
    """Return a run of a minute in which everything that a report can show happened."""
    log = OutcomeLog(folder / "outcomes.bin", bytes(6))
    addition = Draw.seeded(bytes(6), 1).next()
    log.begin(addition)
    log.settle(addition, Outcome.ACKED)
    whole = Window()
    whole.answered("add", "OK", 12.0, None)
    whole.answered("conflict", "OK", 12.0, f"OK instead of {HOSTILE}")
    seconds = [
        Second(float(at), 100.0, at, 90, 1, 0, 3.0, 9.0, 28_214.5 if at == 30 else 20.0, 1.0, {"load": 0.5, "kafka": 1})
        for at in range(1, 61)
    ]
    nowhere = Target(grpc="", rest="", kafka="", registry="")
    return Result(
        plan=Plan(profile=PROFILES["smoke"], target=nowhere, folder=folder, seed=1),
        tag="00", started_at="2026-11-26T00:00:00+00:00", machine={"cores": "2"},
        load=Load(whole=whole, seconds=seconds), figures=whole.figures(), broken=("add_p50_ms <= 250: 300",),
        slowest=[Slow(2_500.0, "add", "a" * 32)], verdict=Verdict(digest=log.close(), counted=1),
        warnings=["the load generator used a whole core"],
    )  # fmt: skip


def shown(browser: chromium.Page, result: Result) -> Any:
    """Open the report of a run as a file and return a function that asks the page."""
    browser.open(report.write(result).resolve().as_uri())
    title = "document.title === 'Tally load: smoke' && document.readyState === 'complete'"
    eventually(lambda: browser.ask(title), SEEN_S, "the report is shown")
    return browser.ask


def test_the_report_is_one_file_that_needs_nothing_else(browser, tmp_path):
    """It loads no other resource, runs nothing that an answer brought in, and the browser complains of nothing."""
    ask = shown(browser, result_in(tmp_path))
    assert ask("performance.getEntriesByType('resource').length") == 0
    assert ask("document.scripts.length") == 0
    assert HOSTILE in ask("document.body.innerText")
    assert browser.complaints == []


def test_the_verdict_stands_on_top_and_its_colour_follows_it(browser, tmp_path):
    """Whoever opens the page sees lost and doubled first, without scrolling; red unless all is well."""
    result = result_in(tmp_path)
    first = "document.querySelector('h1').nextElementSibling"
    ask = shown(browser, result)
    assert ask(f"{first}.innerText").startswith("verdict HOLDS: lost 0, doubled 0")
    assert "add_p50_ms <= 250: 300 crossed" in ask(f"{first}.innerText")
    assert ask(f"{first}.getBoundingClientRect().bottom < innerHeight")
    red = ask(f"getComputedStyle({first}).backgroundColor")
    ask = shown(browser, replace(result, broken=()))
    assert "all thresholds kept" in ask(f"{first}.innerText")
    assert ask(f"getComputedStyle({first}).backgroundColor") != red


def test_every_chart_is_drawn_inside_its_frame_and_nothing_is_cut(browser, tmp_path):
    """Lines and labels of all charts lie within their pictures, the highest peak too."""
    ask = shown(browser, result_in(tmp_path))
    assert ask("document.querySelectorAll('svg').length") == 5
    assert ask("[...document.querySelectorAll('svg')].every(each => each.querySelector('polyline'))")
    outside = """[...document.querySelectorAll('svg')].flatMap(svg => { const frame = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('polyline, text')].filter(each => { const box = each.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
                || box.bottom > frame.bottom + 1 }).map(each => each.textContent || svg.ariaLabel) })"""
    assert ask(outside) == []
    assert "a" * 32 in ask("document.body.innerText"), "the slow iteration's trace"
