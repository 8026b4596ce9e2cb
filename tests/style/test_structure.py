"""The code keeps a shape in which a reader finds the way: small folders, few imports, no circles, one name a thing."""

import pytest

from tests_support.checkout import ROOT, tracked
from tests_support.structure import Structure, class_names_twice, cycles_of, structure_of

FILES_MAX = 20
IMPORTS_MAX = 15
PUBLIC_NAMES_MAX = 20
TOP_LEVEL = {
    "CHANGELOG.md", "Dockerfile", "LICENSE", "README.md", "SECURITY.md", "benchmarks", "codegen", "consumer",
    "contracts", "demo", "docker-compose.yml", "docs", "justfile", "justw", "loadtests", "observability", "oracle",
    "producer", "pyproject.toml", "requirements", "stack", "tally", "tests", "tests_support",
}  # fmt: skip


@pytest.fixture(scope="module")
def structure() -> Structure:
    return structure_of(ROOT)


def test_no_folder_holds_more_files_than_a_reader_takes_in_at_a_glance(structure: Structure) -> None:
    """A folder with more than twenty modules is split into rooms by subject."""
    assert {name: files for name, files in structure.files_by_folder.items() if files > FILES_MAX} == {}


def test_no_module_imports_more_than_fifteen_others_of_ours(structure: Structure) -> None:
    """A module that needs more than fifteen others has more than one subject."""
    assert {name: len(each) for name, each in structure.imports.items() if len(each) > IMPORTS_MAX} == {}


def test_no_module_defines_more_than_twenty_public_names(structure: Structure) -> None:
    """A module with more than twenty public names is split by subject."""
    assert {name: names for name, names in structure.public_names.items() if names > PUBLIC_NAMES_MAX} == {}


def test_no_modules_import_each_other_in_a_circle(structure: Structure) -> None:
    """Each module can be read after those it imports, also when imports for types alone are counted."""
    assert cycles_of(structure.imports) == []


def test_no_class_name_has_two_meanings_in_one_package(structure: Structure) -> None:
    """Within one top-level package a public class name stands in one module."""
    assert class_names_twice(structure.code) == []


def test_the_top_level_holds_what_a_reader_expects_and_nothing_left_by_a_run() -> None:
    """No data folder or other leftover of a run stands among the committed files."""
    shown = {each.split("/", 1)[0] for each in tracked() if not each.startswith(".")}
    assert shown == TOP_LEVEL
