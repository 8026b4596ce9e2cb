"""A process that writes the log of a part and keeps it below a size, for as long as the part runs.

A part's output is a pipe that this process reads. At ``BYTES_MAX`` the log becomes ``NAME.1``, and so on, at the end of
a line; the oldest is deleted. It ends when the part and all that it started have closed the pipe, so nobody has to stop
it, and what a part said while it was killed is written all the same. When the disk is full, what comes is lost: a part
never waits for its log, nor ends because of it.

It runs as a script without the rest of Tally, so that it costs a few milliseconds and megabytes.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

KEPT: Final = 3
"""Logs that stay beside the current one, ``kafka.log.1`` the newest: of earlier starts, or of this one's flood."""
BYTES_MAX: Final = 16 * 1024 * 1024
"""Of one file: a part's logs take four times as much at most."""

_READ_BYTES: Final = 64 * 1024
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_UMASK: Final = 0o077


def rotate(log: Path) -> None:
    """Make room for a new log: ``log`` becomes ``log.1``, and so on; the oldest is deleted."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    numbered = [log, *(log.with_name(f"{log.name}.{number}") for number in range(1, KEPT + 1))]
    for older, newer in zip(reversed(numbered), reversed(numbered[:-1]), strict=False):
        if newer.exists():
            newer.replace(older)


def start(log: Path, bytes_max: int = BYTES_MAX) -> "subprocess.Popen[bytes]":
    """Start the process; what is written into its standard input comes to the end of ``log``, which is there at once.

    Raises OSError when the log cannot be made.
    """
    os.close(os.open(log, _FLAGS, 0o600))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", os.path.abspath(__file__), log.name, str(bytes_max)],
        cwd=log.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is not for it
        umask=_UMASK,
    )


class _Log:
    """The file that is written now."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._descriptor = -1
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Write what fits, and the rest into a new file. Raises OSError."""
        if self._descriptor < 0:
            self._open()
        while self._bytes + len(data) > self._bytes_max:
            line_end = data.rfind(b"\n", 0, max(self._bytes_max - self._bytes, 0)) + 1
            self._append(data[:line_end])
            data = data[line_end:]
            self._renew()
            if len(data) > self._bytes_max:
                data = data[-self._bytes_max :]
        self._append(data)

    def _append(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            self._bytes += written
            data = data[written:]

    def _open(self) -> None:
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        self._bytes = os.fstat(self._descriptor).st_size

    def _renew(self) -> None:
        if self._is_still_ours():
            rotate(self._path)
            os.close(self._descriptor)
            self._descriptor = -1
            self._open()
        else:  # the part was started again: these are the last words of the one before
            os.ftruncate(self._descriptor, 0)
            self._bytes = 0

    def _is_still_ours(self) -> bool:
        with suppress(FileNotFoundError):
            return os.stat(self._path).st_ino == os.fstat(self._descriptor).st_ino
        return False


def _main(path: str, bytes_max: str) -> None:
    log = _Log(Path(path), int(bytes_max))
    while data := os.read(0, _READ_BYTES):
        with suppress(OSError):
            log.write(data)


if __name__ == "__main__":
    _main(*sys.argv[1:])
