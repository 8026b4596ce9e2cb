"""The product's own page as the server writes it: whole in one answer, safe, and clear in every state."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from litestar.testing import TestClient

from consumer.core.partition.state import Refused, Running
from consumer.core.snapshot import Figures, empty_snapshot
from tally.ledger.state.counts import Counts
from tests_support.consumer.rest_world import PARTITIONS, RestWorld

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """What a page's markup has: tags with attributes, and the text of each element with an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {"style": "", "script": ""}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.inside:
            self.inside[self._open[-1]] += data

    def by_id(self, name: str) -> dict[str, str | None]:
        return next(attributes for _, attributes in self.tags if attributes.get("id") == name)


def test_the_page_shows_the_picture_of_the_moment_without_javascript(client: TestClient[Any]) -> None:
    """The page as served shows the total, the count and each partition's state, so it works without JavaScript."""
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert '<output id="total" aria-live="off">1.000000001</output>' in answer.text
    assert '<dd id="count">5</dd>' in answer.text
    assert "Not complete" in answer.text
    assert answer.text.count("<td>RUNNING</td>") == PARTITIONS - 2
    assert "another replica has it: http://other:8000/" in answer.text


def test_the_policy_lets_in_this_style_and_script_and_nothing_else(client: TestClient[Any]) -> None:
    """The Content-Security-Policy allows the page's own style and script by hash, and the page has nothing inline."""
    answer = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    page = Page(answer.text)
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.inside[tag].encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)


def test_the_page_loads_nothing_and_every_link_leads_somewhere(client: TestClient[Any]) -> None:
    """The page loads no other resource, and each of its links is answered with 200."""
    page = Page(client.get("/").text)
    assert [attributes for _, attributes in page.tags if "src" in attributes] == []
    links = {attributes["href"] for _, attributes in page.tags if "href" in attributes} - {"#main"}
    assert {"/schema", "/contracts/", "/health/ready"} <= links
    for href in links:
        assert str(href).startswith("data:image/") or client.get(str(href)).status_code == 200, href
    assert "://" not in page.inside["script"] + page.inside["style"]


def test_every_path_that_the_script_asks_is_one_of_the_api(client: TestClient[Any]) -> None:
    """Each path that the page's script asks for is in the OpenAPI document, so that no renamed call breaks the page."""
    documented = client.get("/schema/openapi.json").json()["paths"]
    asked = set(re.findall(r"[`\"](/(?:v1|health)/[a-z]+)", Page(client.get("/").text).inside["script"]))
    assert {"/v1/events", "/v1/total", "/v1/partitions", "/v1/entries", "/v1/requests"} <= asked
    known = {re.sub(r"/\{.*", "", path) for path in documented}
    assert {path for path in asked if path not in known and path != "/health/ready"} == set()


def test_every_field_has_a_label_and_every_table_its_headings(client: TestClient[Any]) -> None:
    """For assistive technology, each input has a label, each table heading its scope, and the page its language."""
    page = Page(client.get("/").text)
    labelled = {attributes.get("for") for tag, attributes in page.tags if tag == "label"}
    assert {attributes["id"] for tag, attributes in page.tags if tag in ("input", "select")} == labelled
    assert all(attributes.get("scope") == "col" for tag, attributes in page.tags if tag == "th")
    assert page.tags[0] == ("html", {"lang": "en"})


def test_a_refused_partition_stands_there_with_reason_and_cure(world: RestWorld, client: TestClient[Any]) -> None:
    """The page shows a refused partition's reason and cure, escaped, and hides that box while nothing is wrong."""
    assert "hidden" in Page(client.get("/").text).by_id("trouble")
    world.show(Refused("the <topic> was made again", "tally repair --partition 3"))
    text = client.get("/").text
    assert "hidden" not in Page(text).by_id("trouble")
    assert (
        "<li>partition 3: REFUSED: the &lt;topic&gt; was made again. What to do: tally repair --partition 3</li>"
        in text
    )
    assert "<topic>" not in text


def test_an_empty_tally_says_how_to_add_and_a_counting_one_does_not(world: RestWorld, client: TestClient[Any]) -> None:
    """The page shows the command for a first addition while nothing is counted, and hides it afterwards."""
    assert "hidden" in Page(client.get("/").text).by_id("empty")
    world.board.publish_outside(type(world.board.outside)())
    world.show(Running(), Figures(0, Counts()))
    assert "hidden" not in Page(client.get("/").text).by_id("empty")
    assert "tally add 2 40.5" in client.get("/").text


def test_before_anything_is_assigned_the_page_says_what_it_waits_for(world: RestWorld, client: TestClient[Any]) -> None:
    """A replica without an assignment says on its page that the group has not assigned partitions to it yet."""
    world.board.publish(replace(empty_snapshot(PARTITIONS), version=world.board.snapshot.version + 1))
    assert "the group has not assigned partitions to this replica yet" in client.get("/").text
