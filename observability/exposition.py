"""/metrics: what a service has measured, in Prometheus's format; with exemplars if the caller asks for OpenMetrics."""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Gauge, HistogramDataPoint, MetricsData, NumberDataPoint, Sum
from opentelemetry.sdk.metrics.export import Metric as MetricData
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import format_span_id, format_trace_id
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as TextExemplar

from observability import catalogue
from observability.catalogue import prometheus_label, prometheus_name
from observability.sdk_metrics import SdkMetrics

_NAMED_RESOURCE = ("service.name", "service.instance.id", "service.version")


class Exposition:
    """Answers calls of /metrics. Any thread.

    One answer is made at a time. Whoever asked before it was begun takes it as well, so that a thousand calls at once
    cost as much as two.
    """

    def __init__(self, metrics: SdkMetrics) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_Collector(metrics))
        self._lock = threading.Lock()
        self._last: _Made | None = None

    def answer(self, accept: str, asked_s: float) -> tuple[bytes, str]:
        """Return body and content type for an Accept header, begun after ``asked_s`` of time.monotonic."""
        encode, content_type = choose_encoder(accept)
        with self._lock:
            last = self._last
            if last is None or last.begun_s < asked_s or last.content_type != content_type:
                begun_s = time.monotonic()
                last = self._last = _Made(begun_s, content_type, encode(self.registry))
            return last.body, content_type


@dataclass(frozen=True)
class _Made:
    begun_s: float
    content_type: str
    body: bytes


class _Collector(Collector):
    def __init__(self, metrics: SdkMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Family]:
        found = self._metrics.collect()
        return [] if found is None else families(found)


def families(found: MetricsData) -> list[Family]:
    """Convert metrics to the families of the Prometheus client."""
    made: list[Family] = []
    for resource in found.resource_metrics:
        made.append(_target_info(resource.resource))
        made += [_family(metric) for scope in resource.scope_metrics for metric in scope.metrics]
    return made


def _target_info(resource: Resource) -> Family:
    labels = {prometheus_label(name): str(resource.attributes[name]) for name in _NAMED_RESOURCE}
    family = GaugeMetricFamily("target_info", "The service, its instance and its version.", labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def _family(metric: MetricData) -> Family:
    name = prometheus_name(metric.name, catalogue.load().metrics[metric.name])
    points: Sequence[Any] = metric.data.data_points
    # Every line of a family has the same labels. An absent attribute becomes an empty label, which Prometheus drops.
    names = sorted({attribute for point in points for attribute in point.attributes or {}})
    labels = [prometheus_label(attribute) for attribute in names]
    meaning = metric.description or ""
    if isinstance(metric.data, Sum):
        return _numbers(CounterMetricFamily(name.removesuffix("_total"), meaning, labels=labels), names, points)
    if isinstance(metric.data, Gauge):
        return _numbers(GaugeMetricFamily(name, meaning, labels=labels), names, points)
    family = HistogramMetricFamily(name, meaning, labels=labels)
    for point in points:
        buckets: Any = _buckets(point)  # by the library's type, all of them have an exemplar or none has
        family.add_metric(_values(names, point), buckets, point.sum)
    return family


def _numbers(
    family: CounterMetricFamily | GaugeMetricFamily, names: Sequence[str], points: Sequence[NumberDataPoint]
) -> Family:
    for point in points:
        family.add_metric(_values(names, point), point.value)
    return family


def _values(names: Sequence[str], point: NumberDataPoint | HistogramDataPoint) -> list[str]:
    attributes = point.attributes or {}
    return [str(attributes.get(name, "")) for name in names]


def _buckets(point: HistogramDataPoint) -> list[tuple[str, float, TextExemplar | None]]:
    """Return (upper bound, cumulative count, exemplar) of each bucket."""
    exemplars = {_place(point, each): each for each in point.exemplars}
    bounds = [*(repr(float(bound)) for bound in point.explicit_bounds), "+Inf"]
    found: list[tuple[str, float, TextExemplar | None]] = []
    count = 0
    for place, (bound, inside) in enumerate(zip(bounds, point.bucket_counts, strict=True)):
        count += inside
        exemplar = exemplars.get(place)
        found.append((bound, count, None if exemplar is None else _exemplar(exemplar)))
    return found


def _place(point: HistogramDataPoint, exemplar: Exemplar) -> int:
    return sum(bound < exemplar.value for bound in point.explicit_bounds)


def _exemplar(exemplar: Exemplar) -> TextExemplar:
    assert exemplar.trace_id is not None
    assert exemplar.span_id is not None
    labels = {"trace_id": format_trace_id(exemplar.trace_id), "span_id": format_span_id(exemplar.span_id)}
    return TextExemplar(labels, exemplar.value, exemplar.time_unix_nano / 1e9)
