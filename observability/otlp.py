"""Exporters over OTLP, made from the variables of OpenTelemetry's standard; no endpoint, no exporter.

``OTEL_EXPORTER_OTLP_ENDPOINT`` is for all signals, ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` and its sisters for one;
``…_PROTOCOL`` is http/protobuf (the default) or grpc, likewise; ``OTEL_SDK_DISABLED=true`` turns all of it off. The SDK
reads headers, time-outs and certificates itself. These variables and no others of ours are read here. A proxy that the
environment names is for other machines: a backend of this one is asked without it.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from tally.base.loopback import is_loopback

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

Signal = Literal["traces", "metrics", "logs"]

_PROTOCOLS: Final = ("http/protobuf", "grpc")
_INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_INTERVAL_MS: Final = 15_000
"""As often as Prometheus usually scrapes; the standard's minute is longer than most of what one wants to see."""


class OtlpError(Exception):
    """A variable has a value that cannot be followed; the message is one line that names it."""


def protocol_of(signal: Signal, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the protocol by which a signal is to be sent, None when it is not to be. Raises OtlpError."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if not endpoint_of(signal, environment):
        return None
    for name in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(name, "").strip()
        if protocol and protocol not in _PROTOCOLS:
            raise OtlpError(f"{name} is {protocol!r}: allowed are {' and '.join(_PROTOCOLS)}")
        if protocol:
            return protocol
    return _PROTOCOLS[0]


def endpoint_of(signal: Signal, environment: Mapping[str, str]) -> str:
    """Return where a signal is to be sent, nothing when it is not to be."""
    names = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return next((text for name in names if (text := environment.get(name, "").strip())), "")


def check(environment: Mapping[str, str]) -> None:
    """Raise OtlpError for the first variable that cannot be followed."""
    for signal in get_args(Signal):
        protocol_of(signal, environment)
    metric_interval_ms(environment)


def metric_interval_ms(environment: Mapping[str, str] = os.environ) -> int:
    """Return how often metrics are sent. Raises OtlpError."""
    text = environment.get(_INTERVAL, "").strip() or str(_INTERVAL_MS)
    if not text.isdecimal() or int(text) == 0:
        raise OtlpError(f"{_INTERVAL} is {text!r}: allowed is a number of milliseconds above 0")
    return int(text)


def session_for(endpoint: str) -> Any:
    """Return a session of requests that asks no proxy when the endpoint is this machine's, else None: the SDK's own."""
    if not is_loopback(endpoint):
        return None
    import requests  # noqa: PLC0415 - the exporter over HTTP, which is wanted now, imports it as well

    session = requests.Session()
    session.trust_env = False
    return session


def _options(endpoint: str) -> Any:
    """Return the options of a gRPC channel that asks no proxy, likewise."""
    return (("grpc.enable_http_proxy", 0),) if is_loopback(endpoint) else None


# The exporters are imported where one is wanted: each takes a tenth of a second and most starts want none.


def metric_exporter() -> "MetricExporter | None":
    """Return the exporter of metrics, or None. Raises OtlpError."""
    protocol = protocol_of("metrics")
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

        return OTLPMetricExporter(channel_options=_options(endpoint_of("metrics", os.environ)))
    if protocol is not None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
            OTLPMetricExporter as HttpMetricExporter,
        )

        return HttpMetricExporter(session=session_for(endpoint_of("metrics", os.environ)))
    return None


def span_exporter() -> "SpanExporter | None":
    """Return the exporter of spans, or None. Raises OtlpError."""
    protocol = protocol_of("traces")
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        return OTLPSpanExporter(channel_options=_options(endpoint_of("traces", os.environ)))
    if protocol is not None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter as HttpSpanExporter,
        )

        return HttpSpanExporter(session=session_for(endpoint_of("traces", os.environ)))
    return None


def log_exporter() -> "LogRecordExporter | None":
    """Return the exporter of log records, or None. Raises OtlpError."""
    protocol = protocol_of("logs")
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter  # noqa: PLC0415

        return OTLPLogExporter(channel_options=_options(endpoint_of("logs", os.environ)))
    if protocol is not None:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # noqa: PLC0415
            OTLPLogExporter as HttpLogExporter,
        )

        return HttpLogExporter(session=session_for(endpoint_of("logs", os.environ)))
    return None
