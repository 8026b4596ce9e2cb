"""The history of a test: every addition that was tried, and what its caller was told.

Each try is one ``Call``. Its outcome is what the caller may conclude, not what happened:
OK the answer said committed; FAIL the answer said that this try was not committed and will not be; UNKNOWN anything
else (no answer, a deadline, a lost connection). The oracle holds the log against the topic and the ledgers.
"""

import enum
import json
import threading
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


class Outcome(enum.StrEnum):
    """What a caller may conclude from the answer to one try."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One try of one addition. Times are of one monotonic clock, in seconds."""

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
    """How long the caller gave the call; None when it gave no deadline."""


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """One look at a partition from outside: what REST showed as in the ledger, or what the group had committed."""

    source: str
    """"rest" or "committed", with the replica's name after a slash where there are several."""
    partition: int
    next_offset: int
    at_s: float = 0.0


class History:
    """An append-only log in memory and, when a path is given, as JSON lines on the disk. Safe for many threads."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file at ``path`` for appending, if there is one."""
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._watermarks: list[Watermark] = []
        self._file = None if path is None else path.open("a", encoding="utf-8", buffering=1)

    def record(self, call: Call) -> None:
        """Append one try."""
        with self._lock:
            self._calls.append(call)
            self._write("call", asdict(call))

    def observe(self, watermark: Watermark) -> None:
        """Append one look at a partition."""
        with self._lock:
            self._watermarks.append(watermark)
            self._write("watermark", asdict(watermark))

    def calls(self) -> tuple[Call, ...]:
        """Return what was recorded so far, in the order of the answers."""
        with self._lock:
            return tuple(self._calls)

    def watermarks(self) -> tuple[Watermark, ...]:
        """Return the looks so far, in order."""
        with self._lock:
            return tuple(self._watermarks)

    def counts(self) -> dict[str, int]:
        """Return the number of tries by outcome."""
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

    def _write(self, kind: str, fields: dict[str, object]) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"kind": kind, **fields}) + "\n")


def read_history(path: Path) -> tuple[tuple[Call, ...], tuple[Watermark, ...]]:
    """Return calls and watermarks of a file that ``History`` wrote. A torn last line is left out."""
    calls: list[Call] = []
    watermarks: list[Watermark] = []
    lines = path.read_text(encoding="utf-8").split("\n")
    for line in lines[:-1]:  # what follows the last newline is torn or empty
        fields = json.loads(line)
        kind = fields.pop("kind")
        if kind == "call":
            calls.append(Call(**fields | {"outcome": Outcome(fields["outcome"])}))
        else:
            watermarks.append(Watermark(**fields))
    return tuple(calls), tuple(watermarks)
