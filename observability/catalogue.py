"""The catalogue of signals, ``signals.yaml``: loaded and checked once by everybody who emits or documents."""

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec
import yaml

FILE: Final = Path(__file__).parent / "signals.yaml"

Kind = Literal["counter", "gauge", "histogram"]
SpanKind = Literal["server", "client", "producer", "consumer", "internal"]

# What Prometheus and OpenTelemetry's translation to it append for a unit; a unit in braces is a remark and has none.
_SUFFIXES: Final = {"s": "_seconds", "By": "_bytes"}


class CatalogueError(Exception):
    """The catalogue contradicts itself, or a name is not in it; the message names the signal."""


class Bean(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a metric of the broker stands in its JMX. ``pattern`` is the exporter's, a regular expression over
    ``domain<property=value, ...><key>attribute``; ``values`` are the attributes' in order, $1 being its first group;
    ``factor`` makes the catalogue's unit of JMX's."""

    pattern: str
    values: tuple[str, ...] = ()
    factor: float = 1.0


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One metric. ``attributes`` are the names, in the order in which values are given when it is recorded; ``jmx`` is
    there for what the broker's agent does not tell by itself."""

    kind: Kind
    unit: str
    services: tuple[str, ...]
    meaning: str
    attributes: tuple[str, ...] = ()
    buckets: str = ""
    jmx: tuple[Bean, ...] = ()


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of span. ``name`` may have attributes in braces; ``parent`` is a span's key, or says which it is."""

    name: str
    kind: SpanKind
    services: tuple[str, ...]
    meaning: str
    attributes: tuple[str, ...] = ()
    parent: str = ""
    links: tuple[str, ...] = ()


class LogLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event of the logs, by its text as it stands in the code. ``meaning`` tells what to do, where one must."""

    levels: tuple[str, ...]
    services: tuple[str, ...]
    meaning: str


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All signals by name, log lines by their text. ``buckets`` are upper bounds by name, ``attributes`` meanings."""

    buckets: dict[str, tuple[float, ...]]
    attributes: dict[str, str]
    metrics: dict[str, Metric]
    spans: dict[str, Span]
    logs: dict[str, LogLine]

    def span(self, key: str, service: str) -> Span:
        """Return a kind of span that this service makes. Raises CatalogueError."""
        found = self.spans.get(key)
        if found is None or service not in found.services:
            raise CatalogueError(f"{FILE.name} has no span {key!r} of the {service}")
        return found

    def metric(self, name: str, kind: Kind, service: str) -> Metric:
        """Return a metric that this service emits. Raises CatalogueError."""
        found = self.metrics.get(name)
        if found is None or found.kind != kind or service not in found.services:
            raise CatalogueError(f"{FILE.name} has no {kind} {name!r} of the {service}")
        return found

    def metrics_of(self, service: str) -> set[str]:
        """Return the names of the metrics that a service emits."""
        return {name for name, metric in self.metrics.items() if service in metric.services}

    def bounds(self, metric: Metric) -> tuple[float, ...]:
        """Return the upper bounds of a histogram's buckets."""
        return self.buckets[metric.buckets]


def prometheus_name(name: str, metric: Metric) -> str:
    """Return the name on /metrics, as OpenTelemetry's translation to Prometheus makes it."""
    unit = _SUFFIXES.get(metric.unit, "_ratio" if metric.unit == "1" and metric.kind == "gauge" else "")
    total = "_total" if metric.kind == "counter" else ""
    return f"{prometheus_label(name)}{unit}{total}"


def prometheus_label(name: str) -> str:
    """Return an attribute's name on /metrics."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


@cache
def load() -> Catalogue:
    """Return the catalogue. Raises CatalogueError."""
    return parse(FILE.read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """Return a catalogue's text as values. Raises CatalogueError."""
    try:
        catalogue = msgspec.convert(yaml.load(text, Loader=yaml.CSafeLoader), Catalogue)  # a service waits for it
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{FILE.name}: {error}") from error
    signals: dict[str, Metric | Span] = {**catalogue.metrics, **catalogue.spans}
    for name, signal in signals.items():
        unknown = [each for each in signal.attributes if each not in catalogue.attributes]
        if unknown:
            raise CatalogueError(f"{FILE.name}: {name} has attributes without a meaning: {', '.join(unknown)}")
    for name, metric in catalogue.metrics.items():
        if (metric.kind == "histogram") != (metric.buckets in catalogue.buckets):
            raise CatalogueError(f"{FILE.name}: {name} is a {metric.kind} with buckets {metric.buckets!r}")
    return catalogue
