"""Instruments, what is read of them, and how it looks on /metrics."""

import threading
import time
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource

from observability.asgi import Message, ObservedHttp
from observability.exposition import Exposition
from observability.instruments import Counter, Histogram, Trace
from observability.metrics import Metrics
from observability.sdk_metrics import SdkMetrics
from observability.telemetry import Telemetry
from tests_support.telemetry.scrape import OPENMETRICS, Scrape, parsed

RESOURCE = Resource.create({"service.name": "s", "service.instance.id": "i", "service.version": "v"})
TRACE = Trace(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331)


async def no_body() -> Message:
    """An application that answers whatever is sent receives nothing."""
    raise AssertionError("the body was asked for")


async def anywhere(_message: Message) -> None:
    """What is sent matters to nobody."""


def shown(metrics: Metrics, accept: str = "") -> Scrape:
    """Return what /metrics shows of these instruments."""
    body, content_type = Exposition(SdkMetrics(metrics, RESOURCE)).answer(accept, time.monotonic())
    return parsed(body.decode(), openmetrics="openmetrics" in content_type)


@given(st.lists(st.floats(0, 20)))
def test_a_column_counts_as_its_values_do_one_by_one(values: list[float]) -> None:
    """A histogram has the same buckets, extremes and total by column as by single values."""
    bounds = [0.005, 0.1, 1.0, 7.5]
    columns, singles = Histogram(bounds), Histogram(bounds)
    columns.record_column(np.array(values))
    for value in values:
        singles.record(value)
    assert [(each.counts, each.low, each.high) for each, _ in columns.series()] == [
        (each.counts, each.low, each.high) for each, _ in singles.series()
    ]
    assert sum(each.total for each, _ in columns.series()) == pytest.approx(sum(values))
    for series, _ in singles.series():
        assert series.counts == [
            sum(bisect_left(bounds, value) == bucket for value in values) for bucket in range(len(bounds) + 1)
        ]


def test_nothing_is_lost_when_many_threads_record() -> None:
    """Counters and histograms lose no value when four threads record at once."""
    counter, histogram = Counter(), Histogram([1.0])

    def work() -> None:
        for _ in range(2_000):
            counter.add(1, ("x",))
            histogram.record(0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.sums() == [(8_000, ("x",))]
    assert histogram.series()[0][0].counts == [8_000, 0]


def test_metrics_show_each_series_with_the_labels_that_it_has() -> None:
    """An attribute that is absent is no label, as for Prometheus an empty one is none."""
    metrics = Metrics("producer")
    histogram = metrics.histogram("rpc.server.call.duration")
    histogram.record(0.02, ("m", "OK", None))
    histogram.record(0.02, ("m", "INTERNAL", "ValueError"))
    metrics.counter("messaging.client.sent.messages").add(7, ("topic",))
    metrics.gauge("app.queue.records", lambda: [(3, ())])
    found = shown(metrics)
    name = "rpc_server_call_duration_seconds_bucket"
    assert found.total(name, rpc_response_status_code="OK", le="0.025") == 1
    assert found.total(name, rpc_response_status_code="OK", le="0.01") == 0
    assert found.total(name, le="+Inf") == 2
    assert found.label_values(name, "error_type") == {"", "ValueError"}
    assert found.total("messaging_client_sent_messages_total", messaging_destination_name="topic") == 7
    assert found.total("app_queue_records") == 3
    assert found.total("target_info", service_name="s", service_instance_id="i", service_version="v") == 1


def test_exemplars_lead_to_the_trace_where_openmetrics_is_asked_for() -> None:
    """The last traced value of each bucket; the plain text has no place for it and stays readable."""
    metrics = Metrics("producer")
    histogram = metrics.histogram("rpc.server.call.duration")
    histogram.record(0.02, ("m", "OK", None), TRACE)
    histogram.record(3.0, ("m", "OK", None))
    found = shown(metrics, OPENMETRICS)
    [(key, labels)] = found.exemplars.items()
    assert dict(key[1])["le"] == "0.025"
    assert labels == {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
    assert shown(metrics).exemplars == {}


class Backend(MetricExporter):
    """Keeps what it is sent, or takes nothing."""

    def __init__(self, result: MetricExportResult) -> None:
        super().__init__()
        self.result = result
        self.sent: list[MetricsData] = []

    def export(self, metrics_data: MetricsData, timeout_millis: float = 0, **kwargs: object) -> MetricExportResult:
        self.sent.append(metrics_data)
        return self.result

    def force_flush(self, timeout_millis: float = 0) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 0, **kwargs: object) -> None:
        pass


def test_an_exporter_gets_the_histograms_too_and_its_refusals_are_counted() -> None:
    """Histograms reach the exporter, and a batch that it refuses is counted as dropped."""
    metrics = Metrics("producer")
    metrics.histogram("app.txn.records").record(5)
    backend = Backend(MetricExportResult.FAILURE)
    SdkMetrics(metrics, RESOURCE, backend, interval_ms=3_600_000).close(5.0)
    [data] = backend.sent
    names = {metric.name for each in data.resource_metrics[0].scope_metrics for metric in each.metrics}
    assert "app.txn.records" in names
    assert (1, ("metrics", "failed")) in metrics.dropped.sums()


@pytest.mark.parametrize(
    ("scope", "status", "raises", "labels"),
    [
        ({"method": "GET", "path_template": "/v1/total"}, 200, None, ("GET", "/v1/total", "200", "")),
        ({"method": "GET", "path_template": "/v1/x/{id}"}, 404, None, ("GET", "/v1/x/{id}", "404", "")),
        ({"method": "BREW"}, 405, None, ("_OTHER", "", "405", "")),
        ({"method": "POST", "path_template": "/v1/exports"}, 503, None, ("POST", "/v1/exports", "503", "503")),
        ({"method": "GET", "path_template": "/"}, None, ValueError, ("GET", "/", "500", "ValueError")),
    ],
)
async def test_http_calls_are_counted_by_route_and_status(scope, status, raises, labels) -> None:
    """HTTP calls are counted by route and status, never by path, and one that raised is a 500."""

    async def app(_scope, _receive, send) -> None:
        if raises is not None:
            raise raises
        await send({"type": "http.response.start", "status": status})

    telemetry = Telemetry("consumer", "0", 0.0, "INFO")
    observed = ObservedHttp(app, telemetry, lambda scope: scope.get("path_template", ""))
    try:
        await observed({"type": "http", "path": "/v1/x/secret", **scope}, no_body, anywhere)
    except ValueError:
        assert raises is ValueError
    names = ("http_request_method", "http_route", "http_response_status_code", "error_type")
    wanted = {name: value for name, value in zip(names, labels, strict=True) if value}
    assert shown(telemetry.metrics).total("http_server_request_duration_seconds_count", **wanted) == 1


async def test_a_stream_of_events_counts_with_the_time_until_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """The duration of an event stream ends when it begins, so a reader for an hour is no slow call."""
    clock_s = 0.0
    monkeypatch.setattr("observability.asgi.time.perf_counter", lambda: clock_s)

    async def app(_scope, _receive, send) -> None:
        nonlocal clock_s
        clock_s += 0.25
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        clock_s += 3600

    telemetry = Telemetry("consumer", "0", 0.0, "INFO")
    observed = ObservedHttp(app, telemetry, lambda _scope: "/v1/events")
    await observed({"type": "http", "path": "/v1/events", "method": "GET"}, no_body, anywhere)
    assert shown(telemetry.metrics).total("http_server_request_duration_seconds_sum", http_route="/v1/events") == 0.25
