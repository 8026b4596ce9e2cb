"""Sends log lines over OTLP as they appear on standard error: level, message, fields, and the trace."""

import time
from typing import TYPE_CHECKING, Final

from loguru import logger
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from observability import logs
from observability.outbox import LogOutbox, shut_down

if TYPE_CHECKING:
    from loguru import Message, Record

_SEVERITIES: Final = {
    "TRACE": SeverityNumber.TRACE,
    "DEBUG": SeverityNumber.DEBUG,
    "INFO": SeverityNumber.INFO,
    "WARNING": SeverityNumber.WARN,
    "ERROR": SeverityNumber.ERROR,
    "CRITICAL": SeverityNumber.FATAL,
}


class OtlpLogs:
    """A loguru sink that sends every line from a level on."""

    def __init__(self, resource: Resource, outbox: LogOutbox, level: str) -> None:
        self._provider = LoggerProvider(resource, shutdown_on_exit=False)
        self._provider.add_log_record_processor(outbox)
        self._logger = self._provider.get_logger("tally")
        self._sink = logger.add(self._emit, level=level, filter=_is_sent)

    def close(self, timeout_s: float) -> None:
        """Send what is left, and end. Waits for at most ``timeout_s``."""
        logger.remove(self._sink)
        shut_down(self._provider.shutdown, timeout_s)

    def _emit(self, message: "Message") -> None:
        record = message.record
        fields = logs.fields_of(record)
        context = _context(fields.pop("trace_id", ""), fields.pop("span_id", ""))
        attributes = {**fields, "code.function.name": f"{record['name']}.{record['function']}"}
        raised = record["exception"]
        if raised is not None and raised.type is not None:
            attributes |= {
                "exception.type": raised.type.__name__,
                "exception.message": logs.shown(str(raised.value)),
                "exception.stacktrace": logs.stack_trace(record),
            }
        self._logger.emit(
            LogRecord(
                timestamp=int(record["time"].timestamp() * 1e9),
                observed_timestamp=time.time_ns(),
                context=context,
                severity_text=record["level"].name,
                severity_number=_SEVERITIES.get(record["level"].name, SeverityNumber.UNSPECIFIED),
                body=record["message"],
                attributes=attributes,
            )
        )


def _is_sent(record: "Record") -> bool:
    return logs.wanted(record) and not logs.is_of_sdk(record["extra"].get("library", ""))


def _context(trace_id: str, span_id: str) -> Context:
    if not trace_id:
        return Context()
    span = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(span), Context())
