"""Ports and REST paths have one source each: `tally/base/addresses.py` and the routes of `consumer/rest/`."""

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, cast

import pytest

from consumer.rest.app import build_app
from consumer.settings import ConsumerSettings
from producer.settings import ProducerSettings
from stack.settings import StackSettings
from tally.base.addresses import PORTS
from tally.base.settings import Settings, help_text
from tally.cli.settings import ClientSettings
from tests_support.checkout import text_of, tracked

DEFAULTS: Final[Mapping[str, int]] = PORTS
"""The port behind each setting."""
OF_CONTAINERS: Final = {"producer": {50051, 9464}, "consumer": {8000}, "kafka": {9092, 29092, 9404}}
"""What is reached by a container's name; 29092 is Kafka's listener for the other containers."""

ADDRESS: Final = re.compile(r"\b(127\.0\.0\.1|localhost|producer|consumer|kafka):(\d{2,5})\b")
PATH: Final = re.compile(
    r"(?<![A-Za-z_.-])/(?:v1|health)(?:/(?:[\w:.-]|<[^>]*>|\$?\{[^}]*\})*)+|(?<![A-Za-z_.-])/schema\b"
)
OTLP: Final = {"/v1/traces", "/v1/logs", "/v1/metrics"}
"""OpenTelemetry's own paths."""

SOURCES: Final = [
    name
    for name in tracked()
    if name.endswith((".md", ".py", ".js", ".ts", ".go", ".html", ".yml", ".yaml", ".json", ".example"))
    and not re.match(
        r"tests/|tests_support/|tally/generated/|contracts/history/|consumer/rest/\w+\.py|CHANGELOG|.*_test\.go", name
    )
]
"""What a user reads or runs; the modules of the routes are their source."""


def strange_ports(text: str) -> list[str]:
    """Return the addresses of a text whose port is nobody's."""
    return [
        f"{host}:{port}"
        for host, port in ADDRESS.findall(text)
        if int(port) not in OF_CONTAINERS.get(host, set(DEFAULTS.values()))
    ]


ROUTES: Final = [route.path.split("/") for route in build_app(cast("Any", None)).routes]


def strange_paths(text: str) -> list[str]:
    """Return the REST paths of a text that lead to no route."""
    asked = {path.rstrip(".:") for path in PATH.findall(text)} - OTLP
    return [path for path in asked if not any(leads(path.split("/"), route) for route in ROUTES)]


def leads(path: Sequence[str], route: Sequence[str]) -> bool:
    """Compare segment by segment: what is a variable fits any, and so does the end that is left to the code."""
    pairs = zip_longest(path, route, fillvalue=None)
    return all(a is not None and b is not None and (a == b or {*"{<"} & {*a, *b} or not a) for a, b in pairs)


@pytest.mark.parametrize("folder", sorted({name.split("/")[0] for name in SOURCES}))
def test_every_port_is_one_of_the_stack(folder: str) -> None:
    """What documents, programs and containers call an address of this system is where a part listens by default."""
    files = [name for name in SOURCES if name.split("/")[0] == folder]
    assert {name: found for name in files if (found := strange_ports(text_of(name) or ""))} == {}


@pytest.mark.parametrize("folder", sorted({name.split("/")[0] for name in SOURCES}))
def test_every_rest_path_leads_to_a_route(folder: str) -> None:
    """Documents, dashboards, k6 scripts and commands name only paths that the consumer answers."""
    files = [name for name in SOURCES if name.split("/")[0] == folder]
    assert {name: found for name in files if (found := strange_paths(text_of(name) or ""))} == {}


@pytest.mark.parametrize("settings", [ProducerSettings, ConsumerSettings, ClientSettings])
def test_a_program_s_own_ports_are_those_of_the_stack(settings: type[Settings]) -> None:
    """A service or command that is started alone listens, or looks, where the stack has its parts."""
    fields = {f"TALLY_{name.upper()}": field.default for name, field in settings.model_fields.items()}
    found = {name: port for name, port in fields.items() if name in DEFAULTS}
    assert found
    assert found == {name: DEFAULTS[name] for name in found}


def test_the_help_of_the_stack_names_each_default_port() -> None:
    """`just up --help` tells the number that a setting moves."""
    told = help_text(StackSettings)
    rows = {name: rf"^  {name} .* \[{port}\]$" for name, port in DEFAULTS.items()}
    assert [name for name, row in rows.items() if not re.search(row, told, re.MULTILINE)] == []


def test_the_readme_names_the_default_of_each_port_that_it_lists() -> None:
    """A row of the settings with one or more ports has their numbers, in the same order."""
    rows = re.findall(r"^\| (`TALLY_\w+_PORT`.*?) \| (.*?) \|", text_of("README.md") or "", re.MULTILINE)
    assert rows
    for names, numbers in rows:
        assert [DEFAULTS[name] for name in re.findall(r"TALLY_\w+", names)] == [
            int(each) for each in numbers.split(", ")
        ]


@pytest.mark.parametrize(
    ("text", "ports", "paths"),
    [
        ("curl 127.0.0.1:8001/v1/totals", ["127.0.0.1:8001"], ["/v1/totals"]),
        ("`GET /v1/total` at producer:8000", ["producer:8000"], []),
        ("${rest}/v1/requests/${id}/file", [], ["/v1/requests/${id}/file"]),
        ('f"/v1/partition/{number}"', [], ["/v1/partition/{number}"]),
        ("/health/started, /v1/traces and tally/v1/tally.proto", [], ["/health/started"]),
    ],
)
def test_the_checks_see_a_wrong_one(text: str, ports: list[str], paths: list[str]) -> None:
    """A port or path that is nobody's is told, wherever it stands."""
    assert (strange_ports(text), strange_paths(text)) == (ports, paths)
