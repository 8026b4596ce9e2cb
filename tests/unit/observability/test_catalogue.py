"""The catalogue is whole, and nobody can emit what is not in it."""

import re
from collections.abc import Callable, Mapping

import pytest
import yaml

from observability import catalogue, jmx
from observability.__main__ import BROKER, DOCUMENT
from observability.catalogue import CatalogueError, Metric, Span, parse, prometheus_name
from observability.metrics import Metrics
from observability.tables import updated

SERVICES = {"producer", "consumer", "kafka"}
FORBIDDEN = re.compile(r"request|key|offset|position|client|peer")


def test_every_metric_has_a_service_a_meaning_and_attributes_that_are_explained() -> None:
    """Each metric has a service and a meaning, and what it uses is exactly what is explained."""
    whole = catalogue.load()
    for name, metric in whole.metrics.items():
        assert set(metric.services) <= SERVICES, name
        assert metric.services, name
        assert metric.meaning.endswith("."), name
    signals: list[Metric | Span] = [*whole.metrics.values(), *whole.spans.values()]
    used = {each for signal in signals for each in signal.attributes}
    assert used == set(whole.attributes)
    assert {metric.buckets for metric in whole.metrics.values()} - {""} == set(whole.buckets)
    assert all(sorted(set(bounds)) == list(bounds) for bounds in whole.buckets.values())


def test_every_metric_of_the_broker_is_asked_for_in_the_words_of_its_agent() -> None:
    """The agent's file is made from the catalogue, each rule for a bean that it is allowed to read."""
    assert BROKER.read_text(encoding="utf-8") == jmx.configuration(catalogue.load())
    asked = yaml.safe_load(BROKER.read_text(encoding="utf-8"))
    by_itself = {"jvm_memory_used_bytes", "jvm_memory_max_bytes"}
    assert {rule["name"] for rule in asked["rules"]} | by_itself == set(jmx.kept(catalogue.load()))
    assert all(":" in name and "(" not in name for name in asked["includeObjectNames"])


def test_no_attribute_is_an_id_a_key_or_an_offset() -> None:
    """No attribute's name speaks of an id, a key, an offset or a peer, which would make endless series."""
    names = set(catalogue.load().attributes) - {"http.request.method"}
    assert [name for name in names if FORBIDDEN.search(name)] == []


def test_no_two_metrics_have_one_name_for_prometheus() -> None:
    """Translated names of metrics are all distinct, so that no two series are mixed up."""
    metrics = catalogue.load().metrics
    names = [prometheus_name(name, metric) for name, metric in metrics.items()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "kind", "unit", "expected"),
    [
        ("rpc.server.call.duration", "histogram", "s", "rpc_server_call_duration_seconds"),
        ("process.memory.usage", "gauge", "By", "process_memory_usage_bytes"),
        ("process.cpu.time", "counter", "s", "process_cpu_time_seconds_total"),
        ("app.txn.records", "histogram", "{record}", "app_txn_records"),
        ("app.ready", "gauge", "1", "app_ready_ratio"),
    ],
)
def test_names_are_translated_as_opentelemetry_does_it(name, kind, unit, expected) -> None:
    """A metric's Prometheus name has the suffixes of unit and kind that OpenTelemetry adds."""
    assert prometheus_name(name, Metric(kind, unit, ("producer",), "It.")) == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [("app.txn.record", "histogram"), ("app.txn.records", "counter"), ("app.block.records", "histogram")],
)
def test_an_instrument_that_is_not_in_the_catalogue_cannot_be_made(name: str, kind: str) -> None:
    """A wrong name, a wrong kind, another service's metric: each ends the start and names the signal."""
    metrics = Metrics("producer")
    makers: Mapping[str, Callable[[str], object]] = {"histogram": metrics.histogram, "counter": metrics.counter}
    with pytest.raises(CatalogueError, match=name):
        makers[kind](name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metrics: {a.b: {kind: counter, unit: s, services: [x], meaning: M., colour: red}}", "colour"),
        ("metrics: {a.b: {kind: counter, unit: s, services: [x], meaning: M., attributes: [who]}}", "a.b .* who"),
        ("metrics: {a.b: {kind: histogram, unit: s, services: [x], meaning: M.}}", "a.b is a histogram"),
        ("metrics: {a.b: {kind: sum, unit: s, services: [x], meaning: M.}}", "kind"),
        ("metrics: [", "signals.yaml"),
    ],
)
def test_a_broken_catalogue_is_refused_with_the_signal_named(text: str, words: str) -> None:
    """A catalogue with an unknown key, attribute or kind is refused with the signal or the key."""
    with pytest.raises(CatalogueError, match=words):
        parse("buckets: {}\nattributes: {}\nspans: {}\nlogs: {}\n" + text)


def test_the_document_has_the_tables_of_the_catalogue() -> None:
    """The tables of the document are those that `just gen` makes from the catalogue."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert updated(text, catalogue.load()) == text


def test_a_document_without_a_place_for_a_table_is_refused() -> None:
    """A document that lacks the marks of the tables is refused and not written over."""
    with pytest.raises(ValueError, match="0 places"):
        updated("nothing", catalogue.load())
