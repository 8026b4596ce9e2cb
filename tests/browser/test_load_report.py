"""The report of a load test in a real browser: a file that opens anywhere, with the verdict before all else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtests.reporting import report
from loadtests.run import Result
from tests_support.load.results import HOSTILE, result_in
from tests_support.pages import chromium
from tests_support.waiting import eventually

BINARY = chromium.found()
SEEN_S = 30
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no Chromium on the path, and TALLY_TEST_CHROMIUM does not name one"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    assert BINARY is not None
    with chromium.browser(BINARY, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def shown(browser: chromium.Page, result: Result) -> Any:
    """Open the report of a run as a file and return a function that asks the page."""
    browser.open(report.write(result).resolve().as_uri())
    title = "document.title === 'Tally load: smoke' && document.readyState === 'complete'"
    eventually(lambda: browser.ask(title), SEEN_S, "the report is shown")
    return browser.ask


def test_the_report_is_one_file_that_needs_nothing_else(browser: chromium.Page, tmp_path: Path) -> None:
    """The report loads no other resource, runs nothing that an answer contained, and causes no browser complaint."""
    ask = shown(browser, result_in(tmp_path))
    assert ask("performance.getEntriesByType('resource').length") == 0
    assert ask("document.scripts.length") == 0
    assert HOSTILE in ask("document.body.innerText")
    assert browser.complaints == []


def test_the_verdict_stands_on_top_and_its_colour_follows_it(browser: chromium.Page, tmp_path: Path) -> None:
    """The report begins with what was lost and doubled, visible without scrolling, and red unless all is well."""
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


def test_every_chart_is_drawn_inside_its_frame_and_nothing_is_cut(browser: chromium.Page, tmp_path: Path) -> None:
    """Each chart has its lines and labels inside its frame, its highest peak included."""
    ask = shown(browser, result_in(tmp_path))
    assert ask("document.querySelectorAll('svg').length") == 5
    assert ask("[...document.querySelectorAll('svg')].every(each => each.querySelector('polyline'))")
    outside = """[...document.querySelectorAll('svg')].flatMap(svg => { const frame = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('polyline, text')].filter(each => { const box = each.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
                || box.bottom > frame.bottom + 1 }).map(each => each.textContent || svg.ariaLabel) })"""
    assert ask(outside) == []
    assert "a" * 32 in ask("document.body.innerText"), "the slow iteration's trace"
