"""What a page of another site can do through the browser of somebody who runs Tally."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests_support.consumer.rest_world import RestWorld
from tests_support.ledger.records import PARTITION
from tests_support.pages import chromium
from tests_support.running.served import Served, served
from tests_support.waiting import eventually

BINARY = chromium.found()
SEEN_S = 30
ORDER = json.dumps({"format": "csv", "partitions": [PARTITION]})
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no Chromium on the path, and TALLY_TEST_CHROMIUM does not name one"
)


async def other_site(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer every address with an empty page."""
    headers = [(b"content-type", b"text/html"), (b"content-length", b"15")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<!doctype html>"})


@pytest.fixture
def tally(world: RestWorld) -> Iterator[Served]:
    with served(world.app) as server:
        yield server


@pytest.fixture
def page(tally: Served, tmp_path: Path) -> Iterator[chromium.Page]:
    """A page of another site, open in a browser that also reaches Tally."""
    assert BINARY is not None
    with served(other_site) as site, chromium.browser(BINARY, tmp_path / "profile") as opened:
        opened.open(site.url)
        eventually(lambda: opened.ask("location.href").startswith(site.url), SEEN_S, "the other site's page is open")
        yield opened


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_another_site_s_script_begins_no_export(
    world: RestWorld, tally: Served, page: chromium.Page, media_type: str
) -> None:
    """A script of another site that posts an order begins none, whether or not the browser asks for permission."""
    options = {"method": "POST", "headers": {"content-type": media_type}, "body": ORDER}
    mode = "cors" if media_type == "application/json" else "no-cors"
    sent = f"fetch('{tally.url}/v1/exports', {json.dumps({**options, 'mode': mode})}).then(() => 'sent', () => 'kept')"
    assert page.ask(sent) in {"sent", "kept"}
    assert world.exports.all() == []


@pytest.mark.parametrize("path", ["/", "/schema", "/contracts/", "/v1/total"])
def test_another_site_reads_nothing_and_frames_nothing(tally: Served, page: chromium.Page, path: str) -> None:
    """A script of another site reads no answer of Tally, and a frame of it shows none of Tally's pages."""
    assert page.ask(f"fetch('{tally.url}{path}').then(() => 'read', () => 'kept')") == "kept"
    page.ask(
        f"""(() => {{ const frame = document.createElement('iframe'); frame.src = '{tally.url}{path}';
            document.documentElement.append(frame); }})()"""
    )

    def told() -> bool:
        page.ask("1")  # brings what the browser has said meanwhile
        return any("frame-ancestors" in each for each in page.complaints)

    eventually(told, SEEN_S, lambda: f"the browser does not frame {path}; it said {page.complaints}")
