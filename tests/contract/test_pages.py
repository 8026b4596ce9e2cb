"""The pages of ``codegen docs``: what a reader of a contract finds there."""

import re
from pathlib import Path

import pytest
from litestar.testing import TestClient

from codegen import tree
from codegen.pages import site
from codegen.pages.html import in_line, link
from codegen.tree import PAGE_MARK
from consumer.rest.contract_pages import contract_pages
from tests_support.contracts.small_contracts import COUNT, ID, Run, SmallContracts

PAGES = Path(__file__).parents[2] / "contracts" / "pages"


def test_a_contract_s_page_tells_fields_types_units_owner_and_mode() -> None:
    """The page of a topic's contract shows its owner, mode, partitions, and each field's type and unit."""
    page = (PAGES / "tally.sums.v1-value.html").read_text(encoding="utf-8")
    for said in (
        "tally-producer",
        "FULL_TRANSITIVE",
        "<code>request_id</code>",
        "exact decimal: 38 digits, 9 of them after the point",
        "microseconds since 1970-01-01, UTC",
        "12, chosen by splitmix64",
        "The first operand.",
    ):
        assert said in page


def test_a_service_s_page_tells_the_rules_of_its_requests() -> None:
    """The page of the service shows its calls and the rules that requests must keep."""
    page = (PAGES / "tally_v1_tally.proto.html").read_text(encoding="utf-8")
    for said in ("a UUID in text (string.uuid)", "at most 10000 items", "(string.pattern)", "<code>AddBatch</code>"):
        assert said in page


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.html")), ids=lambda path: path.name)
def test_a_page_needs_nothing_from_elsewhere_and_its_links_lead_somewhere(path: Path) -> None:
    """No page loads anything from outside, and each of its links leads to a page that exists."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith(PAGE_MARK)
    assert not re.search(r"https?://|<script|<img|url\(|@import", text)
    for target in re.findall(r'href="([^"]+)"', text):
        assert (PAGES / target).is_file()


def test_versions_are_told_in_words_newest_first_and_a_second_run_changes_nothing(
    run: Run, small: SmallContracts
) -> None:
    """A page lists versions newest first, with their changes in words, and is the same when made again."""
    small.set_fields(ID, COUNT, {"name": "note", "type": "string", "default": "", "doc": "Say <b>hello</b>."})
    for command in ("generate", "lock"):
        assert run(command)[0] == 0
    small.set_fields(ID, COUNT)
    assert run("docs")[0] == 0
    page = (small.root / "pages" / f"{small.subject}.html").read_text(encoding="utf-8")
    places = [page.index(f"<h3>{name}</h3>") for name in ("not released yet", "v2", "v1")]
    assert places == sorted(places)
    assert "the field <code>note</code> (string default &quot;&quot;) is new" in page
    assert "the field <code>note</code> (string) is gone" in page
    assert run("docs")[1].endswith("none changed\n")


def test_pages_that_are_old_are_drift(run: Run, small: SmallContracts) -> None:
    """A page that differs from its contract ends check with code 4 and the command that renews it."""
    assert run("docs")[0] == 0
    assert run("check")[0] == 0
    page = small.root / "pages" / f"{small.subject}.html"
    page.write_text(page.read_text(encoding="utf-8").replace("tests", "somebody"), encoding="utf-8")
    code, said = run("check")
    assert code == 4
    assert "run: codegen docs" in said


def test_every_subject_has_a_page_of_its_own() -> None:
    """Subjects whose names differ in a slash or in case, or are the index's, share no page; others keep theirs."""
    assert site.page_names(["a/b", "a_b", "A_B", "index", "Index", "a_b_", "c/d.proto"]) == {
        "A_B": "A_B.html",
        "Index": "Index_.html",
        "a_b": "a_b_.html",
        "a_b_": "a_b__.html",
        "index": "index__.html",
        "a/b": "a_b___.html",
        "c/d.proto": "c_d.proto.html",
    }


def test_pages_of_subjects_with_any_name_are_written_and_linked(run: Run, small: SmallContracts) -> None:
    """Each of two subjects that differ in a slash has its page, and the index leads to both."""
    for subject in ("a/b", "a_b", "50% of:what?"):
        entry = f"  {subject!r}: {{file: avro/order.avsc}}\n"
        path = small.root / "codegen.yaml"
        path.write_text((path.read_text() if path.exists() else "subjects:\n") + entry)
    assert run("docs")[0] == 0
    index = (small.root / "pages" / "index.html").read_text(encoding="utf-8")
    for subject, page in (("a/b", "a_b_.html"), ("a_b", "a_b.html"), ("50% of:what?", "50% of:what?.html")):
        assert f"<h1>{subject}</h1>" in (small.root / "pages" / page).read_text(encoding="utf-8")
        assert link(page, subject) in index
    assert 'href="50%25%20of%3Awhat%3F.html"' in index


def test_what_a_contract_says_cannot_become_markup() -> None:
    """Markup in a contract's text is shown as text, and backquoted words as code."""
    assert in_line("<b> `a<b` & `") == "&lt;b&gt; <code>a&lt;b</code> &amp; `"


def test_the_web_side_serves_the_pages() -> None:
    """GET /contracts serves the index, and each page is served below it."""
    from litestar import Litestar

    with TestClient(Litestar([contract_pages()])) as client:
        assert "What programs say to each other" in client.get("/contracts").text
        for name in tree.files_of(PAGES):
            assert client.get(f"/contracts/{name}").status_code == 200
