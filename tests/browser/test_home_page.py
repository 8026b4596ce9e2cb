"""The page in a real browser: its script runs under its own policy, and the figures move without a reload."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.core.partition.state import Refused, Running
from consumer.core.snapshot import Figures
from tally.ledger.state.counts import Counts
from tests_support.consumer.rest_world import RestWorld
from tests_support.ledger.records import PARTITION
from tests_support.pages import chromium
from tests_support.running.served import served
from tests_support.waiting import eventually

BINARY = chromium.found()
SEEN_S = 30
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no Chromium on the path, and TALLY_TEST_CHROMIUM does not name one"
)


@pytest.fixture
def page(world: RestWorld, tmp_path: Path) -> Iterator[chromium.Page]:
    assert BINARY is not None
    with served(world.app) as server, chromium.browser(BINARY, tmp_path / "profile") as opened:
        opened.open(server.url)
        eventually(lambda: opened.text("link") == "Live.", SEEN_S, "the page follows the events")
        yield opened
        server.do(world.feed.close)


def press(page: chromium.Page, form: str, **fields: str) -> None:
    """Fill fields of a form and press its button."""
    for name, value in fields.items():
        page.ask(f"document.getElementById({json.dumps(name)}).value = {json.dumps(value)}")
    page.ask(f"document.querySelector('#{form} button').click()")


def test_the_figures_move_without_a_reload_and_the_browser_complains_of_nothing(
    world: RestWorld, page: chromium.Page
) -> None:
    """Totals, charts and entries of the open page follow the consumer, and the browser's console stays empty."""
    assert page.text("total") == "1.000000001"
    world.show(Running(), Figures(7, Counts(1_234, 1, 1, 1, 10**10)))
    eventually(lambda: page.text("total") == "11", SEEN_S, "the total moved")
    assert page.text("count") == "1,237"
    eventually(lambda: "now" in page.text("rate-text") and "now" in page.text("lag-text"), SEEN_S, "both charts draw")
    eventually(lambda: "POISON FRAMING" in page.text("entry-rows"), SEEN_S, "the latest entries are shown")
    assert page.complaints == []


def test_a_refusal_appears_with_its_cure_and_goes_when_it_is_mended(world: RestWorld, page: chromium.Page) -> None:
    """A refusal appears on the open page with its cure, and disappears once the partition runs again."""
    world.show(Refused("the topic was made again", "move it away"))
    eventually(lambda: "move it away" in page.text("reasons"), SEEN_S, "the refusal is told")
    eventually(lambda: "move it away" in page.text("partition-rows"), SEEN_S, "its partition says so too")
    world.show(Running())
    eventually(lambda: page.ask("document.getElementById('trouble').hidden"), SEEN_S, "it is taken back")


def test_exports_audits_and_look_ups_are_done_on_the_page(page: chromium.Page) -> None:
    """The page's forms order an export and an audit and show their results, and show a refusal in its own words."""
    press(page, "export-form", format="avro", **{"export-partitions": str(PARTITION)})
    eventually(lambda: "avro, 5 rows" in page.text("exports"), SEEN_S, "the export is there")
    press(page, "audit-form", **{"audit-partitions": str(PARTITION)})
    eventually(lambda: "all good: 2 counted" in page.text("audits"), SEEN_S, "the audit's verdict is there")
    press(page, "export-form", **{"export-partitions": ""})
    eventually(lambda: "name the others in partitions" in page.text("export-said"), SEEN_S, "a refusal is told")
    press(page, "find-form", **{"request-id": "nonsense"})
    eventually(lambda: "nonsense" in page.text("found"), SEEN_S, "a wrong id is told")


def test_a_page_without_its_live_connection_asks_and_says_so(world: RestWorld, page: chromium.Page) -> None:
    """A page whose event stream has ended polls instead, says so, and still shows the current total."""
    page.ask("source.dispatchEvent(new Event('end'))")
    eventually(lambda: page.text("link").startswith("Asked every two seconds"), SEEN_S, "it says that it asks")
    world.show(Running(), Figures(7, Counts(5, 1, 1, 1, 3 * 10**9)))
    eventually(lambda: page.text("total") == "4", SEEN_S, "the total moves all the same")


def test_the_page_of_the_api_shows_its_calls_under_its_policy(world: RestWorld, tmp_path: Path) -> None:
    """/schema shows the API's calls from this server's own scripts, and the browser complains of nothing."""
    assert BINARY is not None
    with served(world.app) as server, chromium.browser(BINARY, tmp_path / "profile") as opened:
        opened.open(f"{server.url}/schema")
        eventually(lambda: "/v1/total" in opened.ask("document.body?.innerText ?? ''"), SEEN_S, "the calls are shown")
        assert opened.complaints == []
