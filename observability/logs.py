"""Logs by loguru on standard error: one line an event, for people or as JSON; and the same over OTLP.

Each line names the trace that the running code works for (`current`). Warnings and errors that repeat themselves are
held back and counted; the next line of their place tells how many. Values of variables are never shown.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from observability.repetition import Repetition

if TYPE_CHECKING:
    from loguru import Message, Record

    from observability.instruments import Counter

COUNTED: Final = ("WARNING", "ERROR", "CRITICAL")
"""The levels whose lines are counted, and held back when they repeat themselves."""

_HUMAN = "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <7} {extra[service]} {message} {extra[fields]}"
SDK_WINDOW_S: Final = 60.0
"""How often one complaint of the SDK's is told: it has some every second for as long as a backend is away."""

_HELD_BACK: Final = "held_back"
_SDK_PLACE: Final = "sdk_place"
_SAMPLED: Final = "01"
"""The flags of every trace that a line can name, as W3C writes them: others have no spans."""
_OURS: Final = ("service", "fields", _HELD_BACK)
"""Names in ``extra`` that are no fields of the line."""


class _Journal:
    """What is decided about each line before any sink sees it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nothing counted yet."""
        self.count: Callable[[str], None] = lambda _level: None
        self.current: Callable[[], Any] = lambda: None
        self._repetition = Repetition()
        self._of_sdk = Repetition(SDK_WINDOW_S, lines_max=1)

    def patch(self, record: "Record") -> None:
        """Add the trace, hold back what repeats itself, and make the fields' text."""
        extra = record["extra"]
        trace = self.current()
        if trace is not None:
            extra["trace_id"], extra["span_id"] = f"{trace.trace_id:032x}", f"{trace.span_id:016x}"
        if record["level"].name in COUNTED:
            self.count(record["level"].name)
            of_sdk = extra.pop(_SDK_PLACE, None)
            repetition = self._repetition if of_sdk is None else self._of_sdk
            with self._lock:
                told = repetition.take(of_sdk or (record["name"], record["line"]), time.monotonic())
            extra[_HELD_BACK] = told is None
            if told:
                extra["repeated"] = told
        extra["fields"] = " ".join(f"{name}={value}" for name, value in extra.items() if name not in _OURS)

    def untold(self) -> dict[tuple[str | None, int], int]:
        """Return what was held back and not told of."""
        with self._lock:
            return {**self._repetition.untold(), **self._of_sdk.untold()}


_journal = _Journal()


def configure(service: str, level: str, form: str) -> None:
    """Send the log of this process to standard error; ``form`` is "human" or "json". Called once, at start."""
    logger.remove()
    _journal.begin()
    logger.configure(extra={"service": service, "fields": ""}, patcher=_journal.patch)
    if form == "json":
        logger.add(_write_json, level=level, filter=wanted, backtrace=False, diagnose=False)
    else:
        # diagnose=False: a traceback must not show the values of variables, payloads among them.
        logger.add(sys.stderr, level=level, format=_HUMAN, filter=wanted, backtrace=False, diagnose=False)
    sdk = logging.getLogger("opentelemetry")
    sdk.handlers, sdk.propagate = [_FromSdk()], False


def wanted(record: "Record") -> bool:
    """Tell whether a line is not held back."""
    return not record["extra"].get(_HELD_BACK, False)


def connect(counter: "Counter", current: Callable[[], Any]) -> None:
    """Count lines from now on, and name the trace that ``current`` returns."""
    _journal.count = lambda level: counter.add(1, (level,))
    _journal.current = current


def fields_of(record: "Record") -> dict[str, str]:
    """Return the fields of a line by name, the trace's ids among them."""
    return {name: str(value) for name, value in record["extra"].items() if name not in _OURS}


def tell_held_back() -> None:
    """At the end: tell of what was held back since the last line of its place."""
    for (module, line), count in _journal.untold().items():
        logger.bind(module=module, line=line, repeated=count).info("lines were held back")


def stack_trace(record: "Record") -> str:
    """Return the traceback of a line's exception, without values of variables; empty when there is none."""
    raised = record["exception"]
    if raised is None or raised.type is None:
        return ""
    return "".join(traceback.format_exception(raised.type, raised.value, raised.traceback)).rstrip()


def _write_json(message: "Message") -> None:
    record = message.record
    fields = fields_of(record)
    line = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "service": record["extra"].get("service", ""),
        "message": record["message"],
        **fields,
    }
    if "trace_id" in fields:
        line["trace_flags"] = _SAMPLED
    raised = record["exception"]
    if raised is not None:
        line["exception"] = f"{raised.type and raised.type.__name__}: {raised.value}"
        line["stacktrace"] = stack_trace(record)
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")


class _FromSdk(logging.Handler):
    """Takes what OpenTelemetry's SDK has to say, a failing backend mostly, into our log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        place = (record.name, record.lineno)
        logger.bind(module=record.name, **{_SDK_PLACE: place}).warning("telemetry: {}", record.getMessage())
