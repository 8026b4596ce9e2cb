"""Sends spans and log records in batches from a thread, within bounds, and counts what never arrives.

The SDK's batch processors drop items silently when their queue is full or the backend fails. These count what is
waiting, and accept no more than the queue holds. Nothing here ever blocks the caller.
"""

from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Final

from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from observability.instruments import Counter
from observability.otlp import Signal

QUEUE_MAX: Final = 8_192
"""A few seconds of everything at full load; a few MB."""
_BATCH_MAX: Final = 512
_DELAY_MS: Final = 1_000


class Bound:
    """Counts what is waiting, up to a limit. Any thread may call."""

    def __init__(self, signal: Signal, dropped: Counter, waiting_max: int = QUEUE_MAX) -> None:
        self._signal = signal
        self._dropped = dropped
        self._waiting_max = waiting_max
        self._waiting = 0
        self._lock = Lock()

    def enter(self) -> bool:
        """Take a place for one more item and return True; if there is none, count it as dropped and return False."""
        with self._lock:
            room = self._waiting < self._waiting_max
            self._waiting += room
        if not room:
            self._dropped.add(1, (self._signal, "queue_full"))
        return room

    def leave(self, count: int, *, sent: bool) -> None:
        """Give places back; items that were not sent are counted as dropped."""
        with self._lock:
            self._waiting -= count
        if not sent:
            self._dropped.add(count, (self._signal, "failed"))


class SpanOutbox(BatchSpanProcessor):
    """The SDK's batches of spans, bounded and counted."""

    def __init__(self, exporter: SpanExporter, bound: Bound) -> None:
        self._bound = bound
        super().__init__(
            _Spans(exporter, bound),
            max_queue_size=QUEUE_MAX,
            schedule_delay_millis=_DELAY_MS,
            max_export_batch_size=_BATCH_MAX,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """See SpanProcessor."""
        if self._bound.enter():
            super().on_end(span)


class _Spans(SpanExporter):
    def __init__(self, inner: SpanExporter, bound: Bound) -> None:
        self._inner = inner
        self._bound = bound

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            self._bound.leave(len(spans), sent=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class LogOutbox(BatchLogRecordProcessor):
    """The SDK's batches of log records, bounded and counted."""

    def __init__(self, exporter: LogRecordExporter, bound: Bound) -> None:
        self._bound = bound
        super().__init__(
            _LogRecords(exporter, bound),
            schedule_delay_millis=_DELAY_MS,
            max_export_batch_size=_BATCH_MAX,
            max_queue_size=QUEUE_MAX,
        )

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """See LogRecordProcessor."""
        if self._bound.enter():
            super().on_emit(log_record)


class _LogRecords(LogRecordExporter):
    def __init__(self, inner: LogRecordExporter, bound: Bound) -> None:
        self._inner = inner
        self._bound = bound

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result = LogRecordExportResult.FAILURE
        try:
            result = self._inner.export(batch)
        finally:
            self._bound.leave(len(batch), sent=result is LogRecordExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        return self._inner.force_flush(timeout_millis)

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]


def shut_down(close: Callable[[], object], timeout_s: float) -> None:
    """Run the shutdown of a provider, which may wait for a backend that hangs; wait for at most ``timeout_s``."""
    thread = Thread(target=close, name="telemetry-close", daemon=True)
    thread.start()
    thread.join(timeout_s)
