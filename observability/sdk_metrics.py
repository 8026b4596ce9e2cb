"""Connects our instruments to OpenTelemetry's SDK: /metrics and the OTLP exporter read them here.

Counters and gauges become observable ones of the SDK. It has no observable histogram, so ours are added to what the SDK
has collected.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from observability.instruments import Counter, Distribution, Values
from observability.metrics import Distributions, Metrics, Numbers
from observability.outbox import shut_down

_SCOPE = "tally"


class SdkMetrics:
    """Reads the instruments for /metrics (`collect`) and, if there is an exporter, sends them at an interval."""

    def __init__(
        self, metrics: Metrics, resource: Resource, exporter: MetricExporter | None = None, interval_ms: float = 60_000
    ) -> None:
        """All counters and gauges must exist already. ``exporter`` receives everything every ``interval_ms``."""
        self._metrics = metrics
        self._reader = InMemoryMetricReader()
        readers: list[MetricReader] = [self._reader]
        if exporter is not None:
            whole = _Whole(exporter, self._with_histograms, metrics.dropped)
            readers.append(PeriodicExportingMetricReader(whole, export_interval_millis=interval_ms))
        self._provider = MeterProvider(readers, resource, shutdown_on_exit=False)
        meter = self._provider.get_meter(_SCOPE)
        for numbers in metrics.numbers.values():
            counts = numbers.metric.kind == "counter"
            make = meter.create_observable_counter if counts else meter.create_observable_gauge
            make(numbers.name, [_observer(numbers)], numbers.metric.unit, numbers.metric.meaning)

    def collect(self) -> MetricsData | None:
        """Return all metrics as they are now; None if the SDK has none."""
        found = self._reader.get_metrics_data()
        return None if found is None else self._with_histograms(found)

    def close(self, timeout_s: float) -> None:
        """Send what is left, and end. Waits for at most ``timeout_s``."""
        shut_down(self._provider.shutdown, timeout_s)

    def _with_histograms(self, found: MetricsData) -> MetricsData:
        """Add our histograms to what the SDK collected of our scope; its metrics of itself are not in the catalogue."""
        now_ns = time.time_ns()
        ours = [_metric(each, now_ns) for each in self._metrics.histograms.values() if each.histogram.series()]
        (resource,) = found.resource_metrics
        scopes = [
            replace(scope, metrics=[*scope.metrics, *ours])
            for scope in resource.scope_metrics
            if scope.scope.name == _SCOPE
        ]
        return MetricsData([replace(resource, scope_metrics=scopes)])


class _Whole(MetricExporter):
    """An exporter that also receives our histograms, and whose failures are counted."""

    def __init__(
        self, inner: MetricExporter, with_histograms: Callable[[MetricsData], MetricsData], dropped: Counter
    ) -> None:
        # Cumulative, as /metrics is.
        super().__init__()
        self._inner = inner
        self._with_histograms = with_histograms
        self._dropped = dropped

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:
        """See MetricExporter."""
        result = self._inner.export(self._with_histograms(metrics_data), timeout_millis)
        if result is not MetricExportResult.SUCCESS:
            self._dropped.add(1, ("metrics", "failed"))
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """See MetricExporter."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """See MetricExporter."""
        self._inner.shutdown(timeout_millis)


def _observer(numbers: Numbers) -> Callable[[CallbackOptions], list[Observation]]:
    names = numbers.metric.attributes
    return lambda _: [Observation(value, _labelled(names, values)) for value, values in numbers.read()]


def _metric(each: Distributions, now_ns: int) -> Metric:
    histogram, names = each.histogram, each.metric.attributes
    points = [
        HistogramDataPoint(
            attributes=_labelled(names, values),
            start_time_unix_nano=histogram.since_ns,
            time_unix_nano=now_ns,
            count=sum(series.counts),
            sum=series.total,
            bucket_counts=series.counts,
            explicit_bounds=histogram.bounds,
            min=series.low,
            max=series.high,
            exemplars=_exemplars(series),
        )
        for series, values in histogram.series()
    ]
    data = Histogram(points, AggregationTemporality.CUMULATIVE)
    return Metric(each.name, each.metric.meaning, each.metric.unit, data)


def _labelled(names: tuple[str, ...], values: Values) -> dict[str, str | int]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _exemplars(series: Distribution) -> list[Exemplar]:
    return [
        Exemplar({}, seen.value, seen.at_ns, seen.trace.span_id, seen.trace.trace_id)
        for seen in series.exemplars.values()
    ]
