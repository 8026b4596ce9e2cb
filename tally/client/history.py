"""The history of a client's attempts in a file, which ``tally verify --topic`` holds against topic and ledgers.

Every attempt of every addition is one line, appended before the caller learns the answer: what a caller knows, the
file knows. An attempt that is cut off with the process has no line; nothing is known of it.

The file is JSON lines, ``{"kind": "call", ...}``. The oracle reads it by code of its own and adds lines of another
kind, "watermark"; one process writes one file, and a later one goes on where it ended.
"""

import fcntl
import json
from io import SEEK_END, FileIO
from pathlib import Path
from typing import Final

from tally.base.written_file import for_owner_only
from tally.client.outcomes import Addition, Committed
from tally.client.sending import Attempt, Reply

_KINDS: Final = ("call", "watermark")
_LINE_START: Final = b'{"kind": "'
_LINE_BYTES_MAX: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 16


class HistoryError(Exception):
    """A history file cannot be used; the message names the file and what is wrong."""


class AttemptLog:
    """Appends attempts to a history file. What a call returned from is with the operating system. For one thread."""

    def __init__(self, path: Path) -> None:
        """Open the file and cut off a line that an earlier run left torn. Raises HistoryError and OSError.

        A file that is not a history, or that another process writes, is refused and left as it is.
        """
        if path.exists() and not path.is_file():
            raise HistoryError(f"{path} is not a regular file, and a history is read again: give the name of a file")
        self._file = open(path, "a+b", buffering=0, opener=for_owner_only)  # noqa: SIM115 - closed by close
        try:
            self._end_bytes = _locked_end(self._file, path)
            self._file.truncate(self._end_bytes)
        except BaseException:
            self._file.close()
            raise

    def __call__(self, attempt: Attempt) -> None:
        """Append a line for each addition of an attempt, all in one write. Raises OSError."""
        pairs = zip(attempt.additions, attempt.replies, strict=True)
        left = memoryview("".join(_line(addition, reply, attempt) for addition, reply in pairs).encode())
        try:
            while left:  # a disk that becomes full takes a part
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self._end_bytes)  # no line is left torn before the next one
            raise
        self._end_bytes = self._file.tell()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._file.close()


def _line(addition: Addition, reply: Reply, attempt: Attempt) -> str:
    """Return the line of one addition: its outcome is what the caller may conclude, not what happened."""
    done = reply if isinstance(reply, Committed) else None
    failed = None if isinstance(reply, Committed) else reply
    line = {
        "kind": "call",
        "request_id": addition.request_id,
        "a": addition.a,
        "b": addition.b,
        "outcome": "ok" if failed is None else "fail" if failed.not_committed else "unknown",
        "status": "OK" if failed is None else failed.status,
        "detail": "" if failed is None else failed.reason,
        "sum": "" if done is None else done.sum,
        "duplicate": False if done is None else done.duplicate,
        "partition": -1 if done is None else done.position.partition,
        "offset": -1 if done is None else done.position.offset,
        "started_s": attempt.started_s,
        "ended_s": attempt.ended_s,
        "deadline_s": attempt.timeout_s,
    }
    return json.dumps(line) + "\n"


def _locked_end(file: FileIO, path: Path) -> int:
    """Lock the file and return the length up to and including its last newline. Raises HistoryError."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise HistoryError(f"{path} is being written by another process; give each a file of its own") from None
    file.seek(0)
    first = file.readline(_LINE_BYTES_MAX)
    if not _begins_a_history(first):
        raise HistoryError(f"{path} is not a history, it begins with {first[:40]!r}: it was left as it is")
    end = at = file.seek(0, SEEK_END)
    tail = b""
    while at > 0 and b"\n" not in tail:
        if end - at > _LINE_BYTES_MAX:
            raise HistoryError(f"{path} ends in a line of over {_LINE_BYTES_MAX} bytes; a history has none")
        at = max(0, at - _CHUNK_BYTES)
        file.seek(at)
        tail = file.read(end - at)
    return at + tail.rfind(b"\n") + 1


def _begins_a_history(first: bytes) -> bool:
    """Tell whether this is a first line, whole or torn, or nothing."""
    if not first.endswith(b"\n"):
        return first.startswith(_LINE_START) or _LINE_START.startswith(first)
    try:
        line = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(line, dict) and line.get("kind") in _KINDS
