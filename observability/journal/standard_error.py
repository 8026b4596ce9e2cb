"""Standard error of a service: only the log writes to it, and what others write there becomes lines of the log.

Libraries in C (gRPC's core, librdkafka) write to file descriptor 2, and Python code writes tracebacks to
``sys.stderr``. In ``only_of_journal`` both lead into a pipe that a thread reads line by line, and the log has what
descriptor 2 was before. Writing to the pipe never blocks, since the writing thread may hold the interpreter's lock,
which the reader needs: what the pipe cannot hold is lost. What Python writes in a crash of the process bypasses it.
"""

import faulthandler
import io
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple

from loguru import logger

from observability import logs

_STANDARD_ERROR: Final = 2
_LINE_BYTES_MAX: Final = 8192
_LAST_LINES_S: Final = 1.0
_TRACEBACK: Final = "Traceback ("
_TRACEBACK_LINES_MAX: Final = 200

_LIBRDKAFKA: Final = re.compile(r"%(?P<severity>[0-7])\|[0-9.]+\|(?P<place>[^|]*)\|(?P<message>.*)")
_ABSL: Final = re.compile(r"(?P<letter>[IWEF])\d{4} [\d:.]+\s+\d+ (?P<place>[^\]\s]+:\d+)\] ?(?P<message>.*)")
_ABSL_LEVELS: Final = {"I": logging.INFO, "W": logging.WARNING, "E": logging.ERROR, "F": logging.CRITICAL}
_WARNING_OF_SYSLOG: Final = 4


class ForeignLine(NamedTuple):
    """What a library wrote to standard error."""

    library: str
    place: str
    level: int  # of logging
    message: str


def read(line: str) -> ForeignLine:
    """Parse a line; those of librdkafka and gRPC's core have a level and a place, all others are warnings."""
    if (kafka := _LIBRDKAFKA.fullmatch(line)) is not None:
        severity = int(kafka["severity"])  # as syslog has it, 0 to 7
        above, below = (logging.ERROR, logging.INFO)
        level = logging.WARNING if severity == _WARNING_OF_SYSLOG else above if severity < _WARNING_OF_SYSLOG else below
        return ForeignLine("librdkafka", kafka["place"], level, kafka["message"])
    if (absl := _ABSL.fullmatch(line)) is not None:
        return ForeignLine("grpc", absl["place"], _ABSL_LEVELS[absl["letter"]], absl["message"])
    if line.startswith(_TRACEBACK):
        return ForeignLine("stderr", "traceback", logging.ERROR, line)
    return ForeignLine("stderr", "", logging.WARNING, line)


@contextmanager
def only_of_journal(service: str, level: str, form: str) -> Iterator[None]:
    """Send the log of this process to standard error, as ``logs.configure`` does, and nothing else."""
    before, own = sys.stderr, os.dup(_STANDARD_ERROR)
    with os.fdopen(own, "w", buffering=1, encoding="utf-8", errors="backslashreplace") as stream:
        sys.stderr = _IntoThePipe()
        logs.configure(service, level, form, stream)
        faulthandler.enable(own)
        try:
            with _defects_told(), _pipe(_take, own):
                yield
        finally:
            faulthandler.disable()
            logger.remove()
            sys.stderr = before


class _IntoThePipe(io.TextIOBase):
    """Standard error as Python code sees it: what is written goes into the pipe, and never waits."""

    def write(self, text: str) -> int:
        with suppress(OSError):  # the pipe is full
            os.write(_STANDARD_ERROR, text.encode("utf-8", "backslashreplace"))
        return len(text)


def _take(line: str) -> None:
    if line.strip():
        said = read(line)
        logs.tell_of_library(said.library, said.place, said.level, said.message)


@contextmanager
def _pipe(take: Callable[[str], None], own: int) -> Iterator[None]:
    """Let a thread pass each line that is written to descriptor 2 to ``take``."""
    source, target = os.pipe()
    os.set_blocking(target, False)
    os.dup2(target, _STANDARD_ERROR)
    os.close(target)
    reader = threading.Thread(target=_read_lines, args=(os.fdopen(source, "rb"), take), name="stderr", daemon=True)
    reader.start()
    try:
        yield
    finally:
        os.dup2(own, _STANDARD_ERROR)  # this closes the last write end of the pipe, so the reader ends
        reader.join(_LAST_LINES_S)


def _read_lines(source: BinaryIO, take: Callable[[str], None]) -> None:
    with source:
        for entry in _entries(iter(lambda: source.readline(_LINE_BYTES_MAX), b"")):
            with suppress(Exception):  # the reader must go on: nothing else empties the pipe
                take(entry)


def _entries(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield each line as a text; the lines of a traceback, which end with the exception, as one."""
    held: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
        inside = line.startswith(" ") if held else line.startswith(_TRACEBACK)
        held.append(line)
        if not inside or len(held) == _TRACEBACK_LINES_MAX:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


@contextmanager
def _defects_told() -> Iterator[None]:
    """Log what Python reports of exceptions that nobody caught."""
    before = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = _of_thread, _unraisable
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        threading.excepthook, sys.unraisablehook = before


def _of_thread(defect: threading.ExceptHookArgs) -> None:
    if defect.exc_type is not SystemExit:
        _tell("a thread", defect.exc_type, defect.exc_value, defect.exc_traceback)


def _unraisable(defect: "sys.UnraisableHookArgs") -> None:
    _tell(repr(defect.object), defect.exc_type, defect.exc_value, defect.exc_traceback)


def _tell(of: str, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    raised = error if error is not None else kind()
    logger.opt(exception=raised.with_traceback(trace)).error("an error in {} was not caught", of)
