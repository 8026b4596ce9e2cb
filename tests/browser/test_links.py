"""Every link as a real browser sees it: what the script of a page puts in is followed, too."""

import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urldefrag

import pytest

from tests_support.consumer.rest_world import RestWorld
from tests_support.ledger.records import PARTITION
from tests_support.pages import chromium
from tests_support.running.served import served
from tests_support.waiting import eventually

BINARY = chromium.found()
SEEN_S = 30
PAGES_MAX = 100
LINKS = "[...document.links].map(link => link.href).filter(url => new URL(url).origin === location.origin)"
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no Chromium on the path, and TALLY_TEST_CHROMIUM does not name one"
)


def opened(page: chromium.Page, url: str) -> None:
    """Open an address and wait until the browser shows it, wherever it was led."""

    def shown() -> bool:
        try:
            return bool(page.ask("document.readyState === 'complete' && window.left === undefined"))
        except chromium.BrowserError:  # between two pages there is none to ask
            return False

    page.ask("window.left = true")
    page.open(url)
    eventually(shown, SEEN_S, f"{url} is shown")


def answered(url: str) -> tuple[int, str]:
    """Return status and media type of an address; not asked by the page, whose policy may forbid it to ask at all."""
    try:
        with urllib.request.urlopen(url, timeout=SEEN_S) as answer:
            return answer.status, answer.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Content-Type", "")


def test_every_link_that_a_browser_shows_on_any_page_leads_to_a_page(world: RestWorld, tmp_path: Path) -> None:
    """Every link that a browser shows from the home page on is answered, and no page's policy keeps out its parts."""
    assert BINARY is not None
    with served(world.app) as server, chromium.browser(BINARY, tmp_path / "profile") as page:
        opened(page, server.url)
        eventually(lambda: page.text("link") == "Live.", SEEN_S, "the page follows the events")
        page.ask(f"document.getElementById('export-partitions').value = '{PARTITION}'")
        page.ask("document.querySelector('#export-form button').click()")
        eventually(
            lambda: any("/v1/exports/" in url for url in page.ask(LINKS)), SEEN_S, "an export to link to is there"
        )
        waiting, seen, broken = [(server.url, url) for url in page.ask(LINKS)], set(), []
        while waiting:
            origin, url = waiting.pop()
            address = urldefrag(url).url
            if address in seen:
                continue
            seen.add(address)
            assert len(seen) <= PAGES_MAX, f"ever more addresses, the last is {address} on {origin}"
            status, media_type = answered(address)
            if status >= 400:
                broken.append(f"{origin}: {address}: {status}")
            elif media_type.startswith("text/html"):
                opened(page, address)
                waiting += [(address, each) for each in page.ask(LINKS)]
        assert broken == []
        assert page.complaints == [], "a page's policy keeps out what the page needs"
        assert any(address.endswith("/contracts/tally.sums.v1-value.html") for address in seen)
        server.do(world.feed.close)
