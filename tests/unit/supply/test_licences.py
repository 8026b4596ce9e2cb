"""Which licences a part may have, and how they are read from what its metadata says."""

from pathlib import Path

import pytest

from stack.supply.licences import FILE, LicenceError, Rules, Stated, licence_of, rules

NAME = "pkg:pypi/part"
RULES = Rules(
    allowed={"MIT": "permissive", "Apache-2.0": "permissive", "GPL-2.0-only WITH Classpath-exception-2.0": "Java"},
    spellings={"MIT License": "MIT"},
    stated={NAME: Stated("Apache-2.0", "its file LICENSE"), "pkg:maven/org.group": Stated("MIT", "its files")},
)


@pytest.mark.parametrize(
    ("words", "licence"),
    [
        (["MIT"], "MIT"),
        (["MIT License"], "MIT"),
        (["MIT AND Apache-2.0"], "MIT AND Apache-2.0"),
        (["MIT OR GPL-3.0-only"], "MIT OR GPL-3.0-only"),
        (["GPL-2.0-only WITH Classpath-exception-2.0"], "GPL-2.0-only WITH Classpath-exception-2.0"),
        (["see the file", "MIT"], "MIT"),
        ([], "Apache-2.0"),
        (["see the file"], "Apache-2.0"),
    ],
)
def test_a_licence_is_read_from_metadata_and_else_from_what_was_read_by_hand(words: list[str], licence: str) -> None:
    """The first words that SPDX knows decide; only without such words what the file of rules says."""
    assert licence_of(NAME, words, RULES) == licence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["GPL-3.0-only"], "not under"),
        (["GPL-2.0-only"], "not under"),
        (["MIT AND GPL-3.0-only"], "not under"),
        (["AGPL-3.0-only"], "AGPL"),
        (["MIT OR AGPL-3.0-or-later"], "AGPL"),
        (["MIT", "License :: OSI Approved :: GNU Affero General Public License v3"], "AGPL"),
    ],
)
def test_a_part_under_another_licence_is_refused(words: list[str], said: str) -> None:
    """A licence that is not allowed is refused by name, also as one of several that all apply; so is every AGPL."""
    with pytest.raises(LicenceError, match=rf"{NAME}.*{said}"):
        licence_of(NAME, words, RULES)


@pytest.mark.parametrize("words", [[], ["Freeware"], ["LicenseRef-own"]])
def test_an_unknown_licence_is_refused(words: list[str]) -> None:
    """A part that nobody has read a licence of is refused, with what its metadata says."""
    with pytest.raises(LicenceError, match="the licence of pkg:pypi/other is unknown"):
        licence_of("pkg:pypi/other", words, RULES)


def test_what_was_read_for_a_group_holds_for_its_files() -> None:
    """A name without its last part stands for all below it, and for no other group."""
    assert licence_of("pkg:maven/org.group/file", [], RULES) == "MIT"
    with pytest.raises(LicenceError, match="unknown"):
        licence_of("pkg:maven/org.group.other/file", [], RULES)


@pytest.mark.parametrize("entry", ['"AGPL-3.0-only" = "why not"', '"Freeware" = "a word"', '"MIT" = " "'])
def test_a_file_of_rules_allows_no_agpl_no_unknown_licence_and_none_without_a_reason(
    entry: str, tmp_path: Path
) -> None:
    """The rules themselves are checked when they are read."""
    file = tmp_path / "licences.toml"
    file.write_text(f"[allowed]\n{entry}\n[spellings]\n[stated]\n", encoding="utf-8")
    with pytest.raises(LicenceError, match=r"licences\.toml: "):
        rules(file)


def test_each_licence_that_was_read_by_hand_has_a_place_where_it_was_read() -> None:
    """The committed rules are valid, and every exception says why."""
    assert all(each.reason.strip() for each in rules(FILE).stated.values())
