"""Logs by loguru on standard error: one line for each event, for people or as JSON; and the same over OTLP.

Each line names the trace that the running code works for (`current`). Warnings and errors that repeat themselves are
held back and counted; the next line from the same place says how many. Values of variables are never shown, nor are the
secrets in an address. Whatever a value contains, it can neither begin a line nor move the cursor (`tally.base.shown`).

What libraries log arrives here, too: through Python's ``logging`` (uvicorn, asyncio, grpc), through the hooks for
exceptions that nobody caught, and, from libraries in C, through standard error itself
(`observability.journal.standard_error`).
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TextIO

from loguru import logger

from observability.journal.repetition import Place, Repetition
from tally.base.shown.values import MASK, printable, without_secrets

if TYPE_CHECKING:
    from loguru import Message, Record

    from observability.instruments import Counter

COUNTED: Final = ("WARNING", "ERROR", "CRITICAL")
"""The levels whose lines are counted, and held back if they repeat themselves."""

_HUMAN: Final = "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <7} {extra[service]} {message} {extra[fields]}\n"
_WITH_TRACEBACK: Final = _HUMAN + "{extra[stacktrace]}\n"
SDK_WINDOW_S: Final = 60.0
"""How often one complaint of the SDK is logged: while a backend is away, it has some every second."""
LIBRARY_LINES_MAX: Final = 5
"""Lines from one place in a library in ten seconds: each junk request of a stranger causes one, and all are alike."""
TRACEBACKS_MAX: Final = 3
"""Tracebacks of one place in ten seconds: each is fifty lines, and they are alike; more lines name the error only."""
_TEXT_CHARACTERS_MAX: Final = 4_000
_STACKTRACE_CHARACTERS_MAX: Final = 16_000

_SHOWS_HEADERS: Final = "opentelemetry.util.re"
"""It shows an entry of OTEL_EXPORTER_OTLP_HEADERS that it does not understand, which may be a token."""
_HELD_BACK: Final = "held_back"
_PLACE: Final = "place_in_library"
_SAMPLED: Final = "01"
"""The flags, as W3C writes them, of every trace that a line can name: others have no spans."""
_OURS: Final = ("service", "fields", "stacktrace", _HELD_BACK)
"""Names in ``extra`` that are not fields of the line."""


class _Journal:
    """What is decided about each line before any sink sees it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.begin()

    def begin(self) -> None:
        """Start over, with nothing counted."""
        self.count: Callable[[str], None] = lambda _level: None
        self.current: Callable[[], Any] = lambda: None
        self._repetition = Repetition()
        self._of_sdk = Repetition(SDK_WINDOW_S, lines_max=1)
        self._of_libraries = Repetition(lines_max=LIBRARY_LINES_MAX)
        self._tracebacks = Repetition(lines_max=TRACEBACKS_MAX)

    def patch(self, record: "Record") -> None:
        """Add the trace, hold back repetitions, and make the texts, which nothing from outside can forge."""
        extra = record["extra"]
        trace = self.current()
        if trace is not None:
            extra["trace_id"], extra["span_id"] = f"{trace.trace_id:032x}", f"{trace.span_id:016x}"
        of_library: Place | None = extra.pop(_PLACE, None)
        if record["level"].name in COUNTED:
            self.count(record["level"].name)
        if record["level"].name in COUNTED or of_library is not None:
            place, now_s = of_library or (record["name"], record["line"]), time.monotonic()
            with self._lock:
                told = self._kept_by(of_library).take(place, now_s)
                whole = record["exception"] is None or self._tracebacks.take(place, now_s) is not None
            extra[_HELD_BACK] = told is None
            if told is None:
                return
            if told:
                extra["repeated"] = told
            if not whole:
                extra["exception"], record["exception"] = repr(record["exception"] and record["exception"].value), None
        record["message"] = shown(record["message"])
        extra["fields"] = " ".join(f"{name}={value}" for name, value in fields_of(record).items())

    def untold(self) -> dict[Place, int]:
        """Return what was held back and not yet reported."""
        with self._lock:
            return {**self._repetition.untold(), **self._of_sdk.untold(), **self._of_libraries.untold()}

    def _kept_by(self, of_library: Place | None) -> Repetition:
        if of_library is None:
            return self._repetition
        return self._of_sdk if is_of_sdk(str(of_library[0])) else self._of_libraries


_journal = _Journal()


def configure(service: str, level: str, form: str, stream: TextIO | None = None) -> None:
    """Send the log of this process to ``stream``, standard error if none is given. Call this once, at the start.

    ``form`` is "human" or "json".
    """
    stream = sys.stderr if stream is None else stream
    logger.remove()
    _journal.begin()
    logger.configure(extra={"service": service, "fields": ""}, patcher=_journal.patch)
    # diagnose=False: a traceback must not show the values of variables, payloads among them.
    if form == "json":
        logger.add(partial(_write_json, stream), level=level, filter=wanted, backtrace=False, diagnose=False)
    else:
        logger.add(stream, level=level, format=_human, filter=wanted, backtrace=False, diagnose=False)
    root = logging.getLogger()
    for each in [one for one in root.handlers if isinstance(one, _FromLogging)]:
        root.removeHandler(each)
    root.addHandler(_FromLogging())


def wanted(record: "Record") -> bool:
    """Tell whether a line is not held back."""
    return not record["extra"].get(_HELD_BACK, False)


def connect(counter: "Counter", current: Callable[[], Any]) -> None:
    """From now on, count lines, and name the trace that ``current`` returns."""
    _journal.count = lambda level: counter.add(1, (level,))
    _journal.current = current


def tell_of_library(
    library: str, place: str | int, level: int, message: str, error: BaseException | None = None
) -> None:
    """Log a line of a library, with a level of ``logging``.

    If there are many lines from one ``place`` in the library, they are held back.
    """
    about = logger.opt(exception=error).bind(library=library, **{_PLACE: (library, place)})
    if is_of_sdk(library):  # a missing backend is not an error of the service
        about.warning("telemetry: {}", message)
    elif level >= logging.ERROR:
        about.error("a library says: {}", message)
    elif level >= logging.WARNING:
        about.warning("a library says: {}", message)
    else:
        about.info("a library says: {}", message)


def is_of_sdk(library: str) -> bool:
    """Tell whether a library sends telemetry: what it says about a failing backend must not be sent there."""
    return library.startswith(("opentelemetry", "urllib3"))


def fields_of(record: "Record") -> dict[str, str]:
    """Return the fields of a line by name, with the ids of the trace, in the form in which they may be shown."""
    return {name: shown(str(value)) for name, value in record["extra"].items() if name not in _OURS}


def tell_held_back() -> None:
    """At the end: log how many lines from each place were held back since its last one."""
    for (module, line), count in _journal.untold().items():
        logger.bind(module=module, line=line, repeated=count).info("lines were held back")


def stack_trace(record: "Record") -> str:
    """Return the traceback of a line's exception, without values of variables; "" if there is none.

    Its lines are indented, so that no line break in the message of an exception can begin a line that looks like ours.
    """
    raised = record["exception"]
    if raised is None or raised.type is None:
        return ""
    told = "".join(traceback.format_exception(raised.type, raised.value, raised.traceback)).rstrip()
    if len(told) > _STACKTRACE_CHARACTERS_MAX:  # the end says what was raised, and where
        told = f"… {told[-_STACKTRACE_CHARACTERS_MAX:]}"
    return "\n".join(f"  {printable(without_secrets(line))}" for line in told.split("\n"))


def shown(told: str) -> str:
    """Return a text from outside in the form in which it may be logged: bounded, printable, without secrets."""
    clipped = told if len(told) <= _TEXT_CHARACTERS_MAX else told[:_TEXT_CHARACTERS_MAX] + "…"
    return printable(without_secrets(clipped))


def _human(record: "Record") -> str:
    if record["exception"] is None:
        return _HUMAN
    record["extra"]["stacktrace"] = stack_trace(record)
    return _WITH_TRACEBACK


def _write_json(stream: TextIO, message: "Message") -> None:
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
        line["exception"] = shown(f"{raised.type and raised.type.__name__}: {raised.value}")
        line["stacktrace"] = stack_trace(record)
    stream.write(json.dumps(line, ensure_ascii=False) + "\n")


class _FromLogging(logging.Handler):
    """Passes what libraries log through Python's ``logging`` to our log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        raised = record.exc_info[1] if record.exc_info else None
        message = str(record.msg).replace("%s", MASK) if record.name == _SHOWS_HEADERS else record.getMessage()
        tell_of_library(record.name, record.lineno, record.levelno, message, raised)
