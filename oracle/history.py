"""The history: every attempt to add and what its caller was answered, and observations of the system from outside.

Each attempt is one ``Call``. Its outcome is what the caller may conclude, not what happened. OK: the answer said
committed. FAIL: the answer said that this attempt was not committed and will not be. UNKNOWN: anything else (no answer,
a deadline, a lost connection). The oracle compares the history with the topic and the ledgers.

The file has JSON lines: ``{"kind": "call" | "watermark", ...the fields of Call or Watermark}``. One process writes one
file, and continues where an earlier run ended.
"""

import enum
import fcntl
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from io import SEEK_END, FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast


class Outcome(enum.StrEnum):
    """What a caller may conclude from the answer to one attempt."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One attempt of one addition. Times are those of one monotonic clock, in seconds."""

    request_id: str
    a: str
    b: str
    outcome: Outcome
    status: str = "OK"
    detail: str = ""
    sum: str = ""
    duplicate: bool = False
    partition: int = -1
    offset: int = -1
    started_s: float = 0.0
    ended_s: float = 0.0
    deadline_s: float | None = None
    """How long the caller gave the call; None if it set no deadline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watermark:
    """One observation of a partition: what REST showed as in the ledger, or what the group had committed."""

    source: str
    """"rest" or "committed", followed by a slash and the replica's name if there are several."""
    partition: int
    next_offset: int
    at_s: float = 0.0


_LINE_START: Final = b'{"kind": "'
_LINE_BYTES_MAX: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 16
_CALL_FIELDS = tuple(each.name for each in fields(Call))
_WATERMARK_FIELDS = tuple(each.name for each in fields(Watermark))


class HistoryError(Exception):
    """A history file cannot be used; the message names file, line and what is wrong."""


class HistoryFile:
    """Appends to a history file; once ``write`` has returned, the operating system has the data. For one thread."""

    def __init__(self, path: Path) -> None:
        """Open the file. An incomplete line of an earlier run is cut off. Raises HistoryError and OSError.

        A file that is not a history is left as it is.
        """
        if path.exists() and not path.is_file():
            raise HistoryError(f"{path} is not a regular file, and a history is read again: give the name of a file")
        self._file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise HistoryError(f"{path} is being written by another process; give each a file of its own") from None
        try:
            self._end = _end_of_whole_lines(self._file, path)
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(self._end)

    def write(self, *, calls: Iterable[Call] = (), watermarks: Iterable[Watermark] = ()) -> None:
        """Append attempts and observations, all in one write."""
        lines = [_line("call", call, _CALL_FIELDS) for call in calls]
        lines += [_line("watermark", shown, _WATERMARK_FIELDS) for shown in watermarks]
        left = memoryview("".join(lines).encode())
        try:
            while left:  # a disk that becomes full takes only a part
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self._end)  # so that the next line does not follow an incomplete one
            raise
        self._end = self._file.tell()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._file.close()


class History:
    """An append-only log in memory and, if a path is given, in a file. Thread-safe."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file at ``path``, if one is given, to append to it."""
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._watermarks: list[Watermark] = []
        self._file = None if path is None else HistoryFile(path)

    def record(self, call: Call) -> None:
        """Append one attempt."""
        with self._lock:
            self._calls.append(call)
            if self._file is not None:
                self._file.write(calls=[call])

    def observe(self, watermark: Watermark) -> None:
        """Append one observation of a partition."""
        with self._lock:
            self._watermarks.append(watermark)
            if self._file is not None:
                self._file.write(watermarks=[watermark])

    def calls(self) -> tuple[Call, ...]:
        """Return the attempts so far, in the order of their answers."""
        with self._lock:
            return tuple(self._calls)

    def watermarks(self) -> tuple[Watermark, ...]:
        """Return the observations so far, in order."""
        with self._lock:
            return tuple(self._watermarks)

    def counts(self) -> dict[str, int]:
        """Return the number of attempts by outcome."""
        counts: dict[str, int] = defaultdict(int)
        for call in self.calls():
            counts[call.outcome.value] += 1
        return dict(counts)

    def acknowledged(self) -> frozenset[str]:
        """Return the ids with at least one OK."""
        return frozenset(call.request_id for call in self.calls() if call.outcome is Outcome.OK)

    def close(self) -> None:
        """Close the file; what is in memory stays readable."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __enter__(self) -> Self:
        """Return itself; the file is closed on exit."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


def read_history(path: Path) -> tuple[tuple[Call, ...], tuple[Watermark, ...]]:
    """Return the calls and watermarks of a file, but an incomplete last line. Raises HistoryError and OSError."""
    calls: list[Call] = []
    watermarks: list[Watermark] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            said = _parsed(line, f"{path}:{number}")
            if isinstance(said, Call):
                calls.append(said)
            else:
                watermarks.append(said)
    return tuple(calls), tuple(watermarks)


def _parsed(line: bytes, place: str) -> Call | Watermark:
    """Return what a line says. Raises HistoryError."""
    try:
        return _made(json.loads(line))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise HistoryError(
            f"{place}: {line.strip()[:100]!r} is not a line of a history ({error}); each line is a JSON object with "
            "kind call or watermark and its fields"
        ) from None


def _made(said: dict[str, Any]) -> Call | Watermark:
    """Return the content of a line, each field with its type. Any exception says that the line is not valid."""
    kind = said.pop("kind")
    if kind == "call":
        said["outcome"] = Outcome(said["outcome"])
    made: Call | Watermark = {"call": Call, "watermark": Watermark}[kind](**said)
    for each in fields(made):
        value, its_type = getattr(made, each.name), cast("Any", each.type)
        if not isinstance(value, its_type) and not (isinstance(value, int) and isinstance(0.0, its_type)):
            raise TypeError(f"{each.name} is {value!r}")
    return made


def _line(kind: str, value: Call | Watermark, names: tuple[str, ...]) -> str:
    said: Mapping[str, object] = {"kind": kind} | {name: getattr(value, name) for name in names}
    return json.dumps(said) + "\n"


def _end_of_whole_lines(file: FileIO, path: Path) -> int:
    """Return the length up to and including the last newline. Raises HistoryError if the file is not a history."""
    file.seek(0)
    first = file.readline(_LINE_BYTES_MAX)
    if first.endswith(b"\n"):
        _parsed(first, f"{path}:1")
    elif not first.startswith(_LINE_START) and not _LINE_START.startswith(first):
        raise HistoryError(f"{path} is not a history, it begins with {first[:40]!r}: it was left as it is")
    end = at = file.seek(0, SEEK_END)
    tail = b""
    while at > 0 and b"\n" not in tail:
        if end - at > _LINE_BYTES_MAX:
            raise HistoryError(
                f"{path} is not a history, its last line is longer than {_LINE_BYTES_MAX} bytes: it was left as it is"
            )
        at = max(0, at - _CHUNK_BYTES)
        file.seek(at)
        tail = file.read(end - at)
    return at + tail.rfind(b"\n") + 1
