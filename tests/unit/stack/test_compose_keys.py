"""Files of the observability profile hold only what their programs know, as far as this can be told without them."""

import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tally.base.cache_folder import cache_folder
from tests_support.checkout import ROOT
from tests_support.compose.observability.programs import COLLECTOR

FOLDER = ROOT / "observability" / "compose"
PAGES = tomllib.loads(Path(__file__).with_name("documented_keys.toml").read_text())["page"]
COLLECTOR_FILE = FOLDER / "otel-collector.yml"


def keys(node: object, place: str = "") -> Iterator[str]:
    """Yield the path of every value."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from keys(value, f"{place}.{name}" if place else name)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value, f"{place}[]")
    else:
        yield place


@pytest.mark.parametrize("file", sorted({page["file"] for page in PAGES}))
def test_a_file_for_a_program_that_is_not_here_has_only_keys_of_its_documentation(file):
    """Whoever adds a key looks it up first, and adds it to the list; a typing error is none of it."""
    documented = {key for page in PAGES if page["file"] == file for key in page["keys"]}
    assert set(keys(yaml.safe_load((FOLDER / file).read_text()))) == documented


def test_every_file_is_checked_by_its_program_or_by_its_documentation():
    """No file of the profile is left out: Prometheus' goes to promtool, the Collector's to the Collector."""
    listed = {page["file"] for page in PAGES} | {"prometheus.yml", "otel-collector.yml"}
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.yml")} == listed


def validated(file: Path) -> subprocess.CompletedProcess[str]:
    program = COLLECTOR.path_in(cache_folder())
    if not program.exists():
        pytest.skip("the Collector is not built on this machine: `just test-compose` builds it")
    command = [str(program), "validate", f"--config={file}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_collector_accepts_its_file():
    """The collector itself accepts its configuration with all of its components."""
    done = validated(COLLECTOR_FILE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("limit_mib", "limit_mb"),
        ("collection_interval: 15s", "collection_interval: soon"),
        ("scrapers: [brokers, topics, consumers]", "scrapers: [brokers, groups]"),
        ("otlp_http/loki: {", "loki: {"),
        ("exporters: [prometheus]", "exporters: [prometeus]"),
    ],
)
def test_the_collector_refuses_what_it_does_not_know(tmp_path, right, wrong):
    """A key, a value, a component and a reference that do not exist; so that acceptance means something."""
    text = COLLECTOR_FILE.read_text()
    assert right in text
    (tmp_path / "collector.yml").write_text(text.replace(right, wrong))
    assert validated(tmp_path / "collector.yml").returncode != 0
