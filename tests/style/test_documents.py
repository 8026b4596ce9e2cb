"""The documents name only files that exist, and the changelog keeps its form."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import PurePosixPath

import pytest

from tests_support.checkout import ROOT, text_of, tracked

DOCUMENTS = [name for name in tracked() if name.endswith(".md")]
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
PATH = re.compile(r"[\w.*{},/-]+")
BRACES = re.compile(r"\{([^{}]*)\}")
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def folders() -> set[str]:
    return {name.split("/")[0] for name in tracked() if "/" in name}


def alternatives(path: str) -> Iterator[str]:
    """Yield each path that braces stand for: ``a/{b,c}`` is a/b and a/c."""
    pieces = BRACES.split(path)
    choices = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(pieces)]
    yield from ("".join(chosen) for chosen in product(*choices))


def named_paths(text: str) -> Iterator[str]:
    """Yield what stands in backticks and begins with a folder of this repository."""
    for code in CODE.findall(FENCE.sub("", text)):
        if PATH.fullmatch(code) and "/" in code and code.split("/")[0] in folders():
            yield from alternatives(code)


def exists(path: str) -> bool:
    """Tell whether a path is one of this repository, or of a file as the contracts import it."""
    if (ROOT / "contracts" / "proto" / path).is_file():
        return True
    return any(True for _ in ROOT.glob(path.rstrip("/"))) if "*" in path else (ROOT / path).exists()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_only_files_that_exist(document: str) -> None:
    """Each path and link in a document leads to a file of this repository."""
    text = text_of(document) or ""
    missing = [path for path in named_paths(text) if not exists(path)]
    here = PurePosixPath(document).parent
    missing += [link for link in LINK.findall(text) if not (ROOT / here / link).exists()]
    assert missing == []


def test_every_picture_is_named_by_a_document_and_small() -> None:
    """Each picture is shown by a document and is smaller than 200 kB, so that a checkout is quick to clone."""
    pictures = {name for name in tracked() if name.endswith(".png")}
    named = {
        str((ROOT / PurePosixPath(document).parent / link).resolve().relative_to(ROOT))
        for document in DOCUMENTS
        for link in LINK.findall(text_of(document) or "")
        if link.endswith(".png")
    }
    assert named == pictures
    assert all((ROOT / name).stat().st_size < 200_000 for name in pictures)


def test_the_check_of_paths_sees_a_missing_one() -> None:
    """A path in braces that does not exist is found, and a path outside the repository is not checked."""
    text = "`tally/base/{settings,nothing}.py`; `data/kafka` is nobody's"
    assert [path for path in named_paths(text) if not exists(path)] == ["tally/base/nothing.py"]


def test_the_changelog_keeps_the_form_of_keep_a_changelog() -> None:
    """The changelog has an Unreleased section, dated versions and only the usual kinds of change."""
    lines = (text_of("CHANGELOG.md") or "").splitlines()
    assert lines[0] == "# Changelog"
    versions = [line for line in lines if line.startswith("## ")]
    assert versions[0] == "## [Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version), version
    assert {line.removeprefix("### ") for line in lines if line.startswith("### ")} <= CHANGES


def test_the_index_of_decisions_has_each_with_its_title() -> None:
    """A decision is found by its title, which stands in the index as it stands on its page."""
    pages = [name for name in DOCUMENTS if re.match(r"docs/decisions/\d", name)]
    rows = re.findall(r"^\| \[(\d+)\]\((.+?)\) \| (.+) \|$", text_of("docs/decisions/README.md") or "", re.MULTILINE)
    titles = [((text_of(name) or "").splitlines()[0], PurePosixPath(name).name) for name in pages]
    assert [(f"# {number} {title}", page) for number, page, title in rows] == titles
