"""The catalogue of signals, ``signals.yaml``: loaded and checked once by everything that emits or documents them."""

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec
import yaml

FILE: Final = Path(__file__).parent / "signals.yaml"

Kind = Literal["counter", "gauge", "histogram"]
SpanKind = Literal["server", "client", "producer", "consumer", "internal"]

# What Prometheus, and OpenTelemetry's translation to it, append for a unit. A unit in braces is a remark: nothing.
_SUFFIXES: Final = {"s": "_seconds", "By": "_bytes"}


class CatalogueError(Exception):
    """The catalogue contradicts itself, or a name is not in it; the message names the signal."""


class Bean(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a metric of the broker is found in JMX. ``pattern`` is a regular expression of the exporter over
    ``domain<property=value, ...><key>attribute``; ``values`` are the attribute values in order, where $1 is the first
    group; ``factor`` converts the unit of JMX to that of the catalogue."""

    pattern: str
    values: tuple[str, ...] = ()
    factor: float = 1.0


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One metric. ``attributes`` are names, in the order in which their values are given when it is recorded. ``jmx``
    is set for what the broker's agent does not report by itself."""

    kind: Kind
    unit: str
    services: tuple[str, ...]
    meaning: str
    attributes: tuple[str, ...] = ()
    buckets: str = ""
    jmx: tuple[Bean, ...] = ()


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of span. ``name`` may have attributes in braces; ``parent`` is the key of a span, or describes one."""

    name: str
    kind: SpanKind
    services: tuple[str, ...]
    meaning: str
    attributes: tuple[str, ...] = ()
    parent: str = ""
    links: tuple[str, ...] = ()


class LogLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One log line, by its text in the code. ``meaning`` says what to do, if anything must be done."""

    levels: tuple[str, ...]
    services: tuple[str, ...]
    meaning: str


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All signals by name, log lines by text. ``buckets`` has upper bounds, and ``attributes`` meanings, by name."""

    buckets: dict[str, tuple[float, ...]]
    attributes: dict[str, str]
    metrics: dict[str, Metric]
    spans: dict[str, Span]
    logs: dict[str, LogLine]

    def span(self, key: str, service: str) -> Span:
        """Return a kind of span that this service creates. Raises CatalogueError."""
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
    """Return the name on /metrics, by OpenTelemetry's translation to Prometheus."""
    unit = _SUFFIXES.get(metric.unit, "_ratio" if metric.unit == "1" and metric.kind == "gauge" else "")
    total = "_total" if metric.kind == "counter" else ""
    return f"{prometheus_label(name)}{unit}{total}"


def prometheus_label(name: str) -> str:
    """Return the name of an attribute on /metrics."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


@cache
def load() -> Catalogue:
    """Return the catalogue. Raises CatalogueError."""
    return parse(FILE.read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """Parse the text of a catalogue. Raises CatalogueError."""
    try:
        # The loader in C, since services wait for it when they start.
        catalogue = msgspec.convert(yaml.load(text, Loader=yaml.CSafeLoader), Catalogue)
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
