"""OTLP exporters, configured by OpenTelemetry's standard variables; without an endpoint there is no exporter.

``OTEL_EXPORTER_OTLP_ENDPOINT`` is for all signals, ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` and the like for one of them.
``…_PROTOCOL``, which also exists for each signal, is http/protobuf (the default) or grpc. ``OTEL_SDK_DISABLED=true``
turns everything off. The SDK itself reads headers, time-outs and certificates. A proxy that the environment names is
for other machines: a backend on this machine is reached without it.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from tally.base.loopback import is_loopback
from tally.base.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

Signal = Literal["traces", "metrics", "logs"]

_PROTOCOLS: Final = ("http/protobuf", "grpc")
_INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_INTERVAL_MS: Final = 15_000
"""As often as Prometheus usually scrapes. The standard's minute is longer than most of what one wants to see."""


class OtlpError(SettingsError):
    """A variable has a value that is not allowed; the message is one line that names it."""


def protocol_of(signal: Signal, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the protocol for a signal; None if the signal is not sent. Raises OtlpError."""
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
    """Raise OtlpError for the first variable with a value that is not allowed."""
    for signal in get_args(Signal):
        protocol_of(signal, environment)
    metric_interval_ms(environment)


def metric_interval_ms(environment: Mapping[str, str] = os.environ) -> int:
    """Return the interval at which metrics are sent. Raises OtlpError."""
    text = environment.get(_INTERVAL, "").strip() or str(_INTERVAL_MS)
    if not text.isdecimal() or int(text) == 0:
        raise OtlpError(f"{_INTERVAL} is {text!r}: allowed is a number of milliseconds above 0")
    return int(text)


_EXPORTERS: Final[Mapping[Signal, tuple[str, str]]] = {
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}
"""The module and the class of each exporter, the same for both protocols."""


def metric_exporter() -> "MetricExporter | None":
    """Return the exporter of metrics; None if they are not sent. Raises OtlpError."""
    return cast("MetricExporter | None", _exporter("metrics"))


def span_exporter() -> "SpanExporter | None":
    """Return the exporter of spans; None if they are not sent. Raises OtlpError."""
    return cast("SpanExporter | None", _exporter("traces"))


def log_exporter() -> "LogRecordExporter | None":
    """Return the exporter of log records; None if they are not sent. Raises OtlpError."""
    return cast("LogRecordExporter | None", _exporter("logs"))


def _exporter(signal: Signal) -> Any:
    protocol = protocol_of(signal)
    if protocol is None:
        return None
    # Imported only where one is wanted: each takes a tenth of a second, and most starts want none.
    module, name = _EXPORTERS[signal]
    package = "grpc" if protocol == "grpc" else "http"
    exporter = getattr(import_module(f"opentelemetry.exporter.otlp.proto.{package}.{module}"), name)
    endpoint = endpoint_of(signal, os.environ)
    if protocol == "grpc":
        return exporter(channel_options=(("grpc.enable_http_proxy", 0),) if is_loopback(endpoint) else None)
    return exporter(session=session_for(endpoint))


def session_for(endpoint: str) -> Any:
    """Return a session of requests that uses no proxy, if the endpoint is on this machine; else None: the SDK's own."""
    if not is_loopback(endpoint):
        return None
    import requests  # noqa: PLC0415 - the exporter over HTTP, which is wanted now, imports it as well

    session = requests.Session()
    session.trust_env = False
    return session
