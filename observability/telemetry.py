"""The telemetry of one service: created in its composition root, opened once it is at work, closed at the end."""

import importlib
import os
import time
from typing import TYPE_CHECKING

from observability import logs, otlp
from observability.current import CURRENT
from observability.metrics import Metrics

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from observability.exposition import Exposition
    from observability.otlp_logs import OtlpLogs
    from observability.process import EventLoopLag
    from observability.sdk_metrics import SdkMetrics
    from observability.tracing import Tracing


class Telemetry:
    """NEW (instruments can be created, and record) -> `open` -> OPEN (they are read and sent) -> `close`.

    What `open` imports takes a third of a second, which a restarting service does not have before it is at work.
    """

    def __init__(self, service: str, instance: str, trace_ratio: float, log_level: str) -> None:
        """``service`` is the name in the catalogue; ``instance`` tells replicas apart. ``trace_ratio`` (0 to 1) is the
        share of calls without a traceparent that are traced. Lines from ``log_level`` on are sent. Raises OtlpError."""
        self._log_level = log_level
        self._logs: OtlpLogs | None = None
        otlp.check(os.environ)
        self.traced = otlp.protocol_of("traces") is not None
        self.tracing: Tracing | None = None
        """Set by `open`, if traces are sent."""
        self._trace_ratio = trace_ratio
        self._service = service
        self._instance = instance
        self.metrics = Metrics(service)
        lines = self.metrics.counter("app.log.records", [(level,) for level in logs.COUNTED])
        logs.connect(lines, CURRENT.get)
        self._lag = self.metrics.histogram("app.eventloop.lag")
        self._timer: EventLoopLag | None = None
        self._sdk: SdkMetrics | None = None

    @staticmethod
    def load() -> None:
        """Import what `open` needs. Any thread may call this."""
        for name in ("exposition", "process", "sdk_metrics"):
            importlib.import_module(f"observability.{name}")

    def open(self) -> "Exposition":
        """Begin to read and send once all instruments exist; call this in the loop. Return what answers /metrics."""
        from observability.exposition import Exposition  # noqa: PLC0415
        from observability.process import EventLoopLag, observe_process  # noqa: PLC0415
        from observability.sdk_metrics import SdkMetrics  # noqa: PLC0415

        observe_process(self.metrics)
        resource = _resource(self._service, self._instance)
        self._sdk = SdkMetrics(self.metrics, resource, otlp.metric_exporter(), otlp.metric_interval_ms())
        self.tracing = self._open_tracing(resource)
        self._logs = self._open_logs(resource)
        self._timer = EventLoopLag(self._lag)
        self._timer.start()
        return Exposition(self._sdk)

    def close(self, timeout_s: float) -> None:
        """Send what is left, and end. Waits for about ``timeout_s``, so call it in a thread."""
        if self._timer is not None:
            self._timer.stop()
        logs.tell_held_back()
        until_s = time.monotonic() + timeout_s
        for part in (self.tracing, self._logs, self._sdk):
            if part is not None:
                part.close(max(0.1, until_s - time.monotonic()))

    def _open_tracing(self, resource: "Resource") -> "Tracing | None":
        exporter = otlp.span_exporter()
        if exporter is None:
            return None
        from observability.outbox import Bound, SpanOutbox  # noqa: PLC0415
        from observability.tracing import Tracing  # noqa: PLC0415

        outbox = SpanOutbox(exporter, Bound("traces", self.metrics.dropped))
        return Tracing(self._service, resource, outbox, self._trace_ratio)

    def _open_logs(self, resource: "Resource") -> "OtlpLogs | None":
        exporter = otlp.log_exporter()
        if exporter is None:
            return None
        from observability.otlp_logs import OtlpLogs  # noqa: PLC0415
        from observability.outbox import Bound, LogOutbox  # noqa: PLC0415

        return OtlpLogs(resource, LogOutbox(exporter, Bound("logs", self.metrics.dropped)), self._log_level)


def _resource(service: str, instance: str) -> "Resource":
    """Return the identity of the service; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence."""
    import importlib.metadata  # noqa: PLC0415

    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415

    try:
        version = importlib.metadata.version("tally")
    except importlib.metadata.PackageNotFoundError:  # in a container, which has the packages but not the distribution
        version = "unknown"
    ours = {"service.name": f"tally-{service}", "service.instance.id": instance, "service.version": version}
    return Resource.create(ours).merge(OTELResourceDetector().detect())
