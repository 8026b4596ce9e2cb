"""A service's standard error: only the journal writes to it, and what others write there becomes lines of the journal.

Libraries in C (gRPC's core, librdkafka) write to file descriptor 2, and so does Python about an error that nobody
caught. While ``only_of_journal`` lasts, descriptor 2 is a pipe that a thread reads, line by line, and ``sys.stderr`` is
what descriptor 2 was before. Who writes into the pipe never waits: a thread may hold the interpreter's lock meanwhile,
which the reader needs, so what is more than the pipe holds is lost. What Python writes when the process crashes goes
past the pipe.
"""

import faulthandler
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple

from loguru import logger

from observability import logs

_STANDARD_ERROR: Final = 2
_LINE_BYTES_MAX: Final = 8192
_LAST_LINES_S: Final = 1.0

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
    """Return what a line says; those of librdkafka and of gRPC's core name level and place, others are warnings."""
    if (kafka := _LIBRDKAFKA.fullmatch(line)) is not None:
        severity = int(kafka["severity"])  # as syslog has it, 0 to 7
        above, below = (logging.ERROR, logging.INFO)
        level = logging.WARNING if severity == _WARNING_OF_SYSLOG else above if severity < _WARNING_OF_SYSLOG else below
        return ForeignLine("librdkafka", kafka["place"], level, kafka["message"])
    if (absl := _ABSL.fullmatch(line)) is not None:
        return ForeignLine("grpc", absl["place"], _ABSL_LEVELS[absl["letter"]], absl["message"])
    return ForeignLine("stderr", "", logging.WARNING, line)


@contextmanager
def only_of_journal(service: str, level: str, form: str) -> Iterator[None]:
    """Send the log of this process to standard error, as ``logs.configure`` does, and let nothing else go there."""
    before, own = sys.stderr, os.dup(_STANDARD_ERROR)
    with os.fdopen(own, "w", buffering=1, encoding="utf-8", errors="backslashreplace") as stream:
        sys.stderr = stream
        logs.configure(service, level, form)
        faulthandler.enable(own)
        try:
            with _defects_told(), _pipe(_take, own):
                yield
        finally:
            faulthandler.disable()
            logger.remove()
            sys.stderr = before


def _take(line: str) -> None:
    if line.strip():
        said = read(line)
        logs.tell_of_library(said.library, said.place, said.level, said.message)


@contextmanager
def _pipe(take: Callable[[str], None], own: int) -> Iterator[None]:
    """Let a thread give each line to ``take`` that is written to descriptor 2."""
    source, target = os.pipe()
    os.set_blocking(target, False)
    os.dup2(target, _STANDARD_ERROR)
    os.close(target)
    reader = threading.Thread(target=_read_lines, args=(os.fdopen(source, "rb"), take), name="stderr", daemon=True)
    reader.start()
    try:
        yield
    finally:
        os.dup2(own, _STANDARD_ERROR)  # the pipe's last end is closed, the reader comes to its end
        reader.join(_LAST_LINES_S)


def _read_lines(source: BinaryIO, take: Callable[[str], None]) -> None:
    with source:
        while line := source.readline(_LINE_BYTES_MAX):
            with suppress(Exception):  # who reads here must go on: nobody else empties the pipe
                take(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))


@contextmanager
def _defects_told() -> Iterator[None]:
    """Let the journal have what Python tells about errors that nobody caught."""
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
    logger.opt(exception=raised.with_traceback(trace)).error("nobody caught an error of {}", of)
