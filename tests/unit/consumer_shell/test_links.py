"""Every link of every page leads somewhere."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from litestar.testing import TestClient

from tests_support.checkout import ROOT
from tests_support.pages.crawling import Answer, crawl

PAGES = ROOT / "contracts" / "pages"


def asked(client: TestClient[Any], url: str) -> Answer:
    answer = client.get(url)
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    return Answer(str(answer.url), answer.status_code, media_type, answer.text)


def test_every_link_of_every_page_that_the_consumer_serves_is_answered(client: TestClient[Any]) -> None:
    """A crawl from the consumer's own page finds no broken link, and reaches the API, the contracts and the metrics."""
    found = crawl(str(client.base_url), lambda url: asked(client, url))
    assert found.broken == []
    paths = {urlsplit(url).path for url in found.answers}
    assert {"/schema", "/contracts/", "/v1/partitions", "/v1/entries", "/metrics"} <= paths
    assert {f"/contracts/{page.name}" for page in PAGES.glob("*.html")} <= paths


@pytest.mark.parametrize("slashes", ["", "/", "//", "?x=1"])
def test_the_pages_of_the_contracts_have_one_address_each_whatever_slashes_were_asked(
    client: TestClient[Any], slashes: str
) -> None:
    """Whatever slashes or query a request has, the contracts' pages end at one address each, so relative links work."""
    assert urlsplit(asked(client, f"/contracts{slashes}").url).path == "/contracts/"
    page = next(PAGES.glob("*-value.html")).name
    assert urlsplit(asked(client, f"/contracts/{page}{slashes}").url).path == f"/contracts/{page}"


def test_behind_a_proxy_that_puts_a_prefix_before_all_paths_the_index_is_found(client: TestClient[Any]) -> None:
    """/contracts redirects to a relative address, so that a path prefix added by a proxy is kept."""
    answer = client.get("/contracts", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "contracts/")


def test_every_link_of_the_pages_of_codegen_docs_is_a_file_beside_them() -> None:
    """Opened as files, the contracts' pages have no broken link, and every page is reached from the index."""

    def read(url: str) -> Answer:
        path = Path(unquote(urlsplit(url).path))
        if not path.is_file():
            return Answer(url, 404, "", "")
        return Answer(url, 200, "text/html", path.read_text(encoding="utf-8"))

    found = crawl((PAGES / "index.html").as_uri(), read)
    assert found.broken == []
    assert {Path(unquote(urlsplit(url).path)) for url in found.answers} == set(PAGES.glob("*.html"))
