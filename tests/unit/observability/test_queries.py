"""Every query that Grafana asks is one of its language, by the grammars that Grafana and Prometheus publish."""

import json
from pathlib import Path

import pytest

from observability.catalogue import CatalogueError
from observability.dashboards import logs_and_traces
from observability.dashboards.boards import BOARDS
from observability.dashboards.files import VMUI
from observability.dashboards.logs_and_traces import lines, spans
from tests_support.node import node_modules_or_skip
from tests_support.telemetry import query_texts
from tests_support.telemetry.query_texts import Text, complaints


@pytest.fixture(scope="module")
def modules() -> Path:
    return node_modules_or_skip(query_texts.GRAMMARS)


def test_every_query_is_one_of_its_language(modules):
    """Each query of dashboards, links, alerts and documents is valid by the grammar of its language."""
    texts = query_texts.all_texts()
    assert {each.language for each in texts} == {"promql", "logql", "traceql"}
    assert complaints(texts, modules) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("logql", '{service_name="tally-consumer"} |'),
        ("logql", '{service_name="tally-consumer" | severity_text="ERROR"'),
        ("logql", "{service_name=tally-consumer}"),
        ("logql", 'severity_text:"ERROR"'),
        ("traceql", "{ duration > 250 milliseconds }"),
        ("traceql", "{ status = eror }"),
        ("traceql", '{ resource.service.name = "tally-producer" && }'),
        ("traceql", "{ kind = server } | select()"),
        ("promql", "sum by (job (rate(app_txn_records_total[1m]))"),
        ("promql", "rate(app_txn_records_total[1m]"),
    ],
)
def test_a_broken_query_is_seen(modules, language, text):
    """A malformed query is reported with its language and the place of the error."""
    (complaint,) = complaints([Text("here", language, text)], modules)
    assert complaint.startswith(f"here: no {language} at ")


@pytest.mark.parametrize(("board", "from_text", "to_text"), [
    ("tally-health", '{service_name=~\\"', '{service_name~=\\"'),
    ("tally-cost", "duration > 250ms", "duration > 250 ms"),
    ("tally-load", "sum by (job)", "sum by job"),
])  # fmt: skip
def test_a_query_that_breaks_in_a_dashboard_is_seen(modules, tmp_path, board, from_text, to_text):
    """A dashboard's query with a syntax error is found and reported with the file's name."""
    text = (query_texts.DASHBOARDS / f"{board}.json").read_text()
    assert from_text in text
    (tmp_path / "board.json").write_text(text.replace(from_text, to_text))
    found = complaints(query_texts.of_dashboard(tmp_path / "board.json"), modules)
    assert found
    assert all(each.startswith("board.json, ") for each in found)


def test_a_query_that_breaks_in_a_link_or_a_document_is_seen(modules, tmp_path):
    """The way from a trace to its lines, and an example, are looked at as well."""
    link = next(query_texts.DATASOURCES.glob("*.yml")).read_text()
    (tmp_path / "sources.yml").write_text(link.replace("| trace_id=", "| trace_id"))
    (tmp_path / "page.md").write_text("so:\n\n```logql\n{a=`b`}\n{a=`b`\n```\n")
    texts = [*query_texts.of_datasources(tmp_path / "sources.yml"), *query_texts.of_document(tmp_path / "page.md")]
    found = complaints(texts, modules)
    assert [each.split(":")[0] for each in found] == ["sources.yml, Tempo, to its logs", "page.md"]


def test_logs_and_traces_are_in_grafanas_boards_and_not_in_those_of_metrics():
    """Grafana's boards query metrics, logs and traces, and VictoriaMetrics' boards metrics only."""
    for language in query_texts.LANGUAGES:
        assert any([*board.queries(language)] for board in BOARDS), language
    boards = [json.loads(path.read_text()) for path in VMUI.glob("*.json")]
    panels = [panel for board in boards for row in board["rows"] for panel in row["panels"]]
    assert all(row["panels"] for board in boards for row in board["rows"])
    asked = {expr for panel in panels for expr in panel["expr"]}
    assert not [expr for expr in asked if "service_name=~" in expr or "resource.service" in expr]


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda: lines("WARNING", ("PAUSED: {} of {}",)), "lines with the text 'PAUSED"),
        (lambda: lines("ERROR", ("dead letters published",)), "at .'ERROR', 'CRITICAL'."),
        (lambda: spans("call", "consumer", "1s"), "no span 'call' of the consumer"),
        (lambda: spans("calls", "producer", "1s"), "no span 'calls' of the producer"),
        (lambda: spans("call", "producer", "1s", ("rpc.methodd",)), "asks for 'rpc.methodd'"),
    ],
)
def test_a_dashboard_cannot_ask_for_lines_or_spans_that_nobody_makes(ask, reason):
    """A renamed span, attribute or line fails here, before anybody looks at an empty panel."""
    with pytest.raises(CatalogueError, match=reason):
        ask()


@pytest.mark.parametrize(
    ("key", "service", "condition"),
    [
        ("fsync", "consumer", 'name = "fsync" && kind = internal'),
        ("send", "producer", 'name =~ "send .+" && kind = client'),
        ("request", "consumer", 'name =~ ".+ .+" && kind = server'),
        ("call", "producer", '"tally-producer" && kind = server'),
    ],
)
def test_a_span_is_asked_for_by_what_its_name_always_has(key, service, condition):
    """A name that attributes make up as a whole is not asked for at all."""
    assert condition in spans(key, service, "1s").expr


def test_levels_are_those_that_are_sent():
    """The levels to choose from are loguru's in order, and a chosen one also shows those above it."""
    from loguru import logger

    assert [logger.level(name).no for name in logs_and_traces.LEVELS] == [10, 20, 30, 40, 50]
    assert '| severity_text=~"ERROR|CRITICAL"' in lines("ERROR").expr
