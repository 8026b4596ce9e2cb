"""What `just observe` starts first, what services are told of it, and what a person is shown."""

import socket
from pathlib import Path

import pytest

from stack import Ports
from stack.errors import StackError
from stack.observe import Engines
from stack.parts.engines import ENGINES, SETS, EngineName, endpoints
from stack.views import pages

TRACES, LOGS = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"


@pytest.fixture
def engines(tmp_path: Path) -> Engines:
    return Engines(tmp_path / "data", Ports.free(), tmp_path / "cache", print)


def build(engines: Engines, name: EngineName, cache: Path) -> None:
    path = ENGINES[name].program.path_in(cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("built")


def test_metrics_and_logs_do_not_wait_for_an_engine_that_is_built_for_minutes(engines: Engines) -> None:
    """On a fresh machine what is soon built can be used at once; each of the others comes in a turn of its own."""
    assert engines.in_turns(SETS["quick"]) == [["victoria-metrics", "victoria-logs"], ["jaeger"]]
    assert engines.in_turns(SETS["full"])[1:] == [["jaeger"], ["prometheus"]]


def test_what_is_built_already_is_started_together(engines: Engines, tmp_path: Path) -> None:
    """An engine that the cache has needs no turn of its own: everything starts in seconds."""
    build(engines, "jaeger", tmp_path / "cache")
    assert engines.in_turns(SETS["quick"]) == [list(SETS["quick"])]


def test_a_taken_port_is_told_before_anything_is_built(engines: Engines) -> None:
    """A port of the last engine that somebody else has ends the command before the first build."""
    taken = socket.create_server(("127.0.0.1", engines.port("jaeger")))
    with taken, pytest.raises(StackError, match="traces engine"):
        engines.in_turns(SETS["quick"])


@pytest.mark.parametrize(
    ("running", "told"),
    [
        ([], set()),
        (["victoria-metrics"], set()),
        (["victoria-metrics", "victoria-logs"], {LOGS}),
        (["jaeger"], {TRACES}),
        (list(SETS["full"]), {TRACES, LOGS}),
    ],
)
def test_services_send_only_to_engines_that_are_there(running: list[EngineName], told: set[str]) -> None:
    """While Jaeger is being built, services are told of the log store alone, so nothing they send is lost unseen."""
    variables = endpoints(Ports(), running)
    assert {name for name in variables if name.endswith("_ENDPOINT")} == told
    assert ("OTEL_EXPORTER_OTLP_PROTOCOL" in variables) == bool(told)


def test_what_can_be_looked_at_is_named_and_nothing_else(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page lists the engines that run and the commands that work with them."""
    monkeypatch.setattr(Engines, "running", lambda _: ["victoria-metrics", "victoria-logs"])
    shown = pages(engines)
    assert "Ready: metrics, logs." in shown
    assert "just run tally logs" in shown
    assert "tally trace" not in shown
