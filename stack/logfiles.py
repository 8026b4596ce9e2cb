"""The parts' logs, which `stack.log_writer` writes: their ends, and a way to follow them."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

_TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 64 * 1024
_POLL_S: Final = 0.2


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log, indented for a message."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _TAIL_BYTES, 0))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return "  (no log)"
    last = text.splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in last) if last else "  (the log is empty)"


def follow(logs: Mapping[str, Path], lines: int = 10) -> Iterator[str]:
    """Yield the last lines of logs and then, for ever, what is added; survives rotation. One log has no prefix."""
    width = max(len(name) for name in logs) if len(logs) > 1 else 0
    followed = {name: _Followed(path) for name, path in logs.items()}
    for name, path in logs.items():
        if path.exists():
            followed[name].skip_to_end()
            yield from (_prefixed(name, line[2:], width) for line in tail(path, lines).splitlines())
    while True:
        for name, one in followed.items():
            yield from (_prefixed(name, line, width) for line in one.new_lines())
        time.sleep(_POLL_S)


def _prefixed(name: str, line: str, width: int) -> str:
    return f"{name:<{width}} | {line}" if width else line


class _Followed:
    """One log that grows and is sometimes replaced by a new file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""

    def skip_to_end(self) -> None:
        self._file = self._path.open("rb")
        self._file.seek(0, 2)

    def new_lines(self) -> Iterator[str]:
        if self._file is not None:
            yield from self._complete_lines(self._file.read())
        if self._was_replaced():
            if self._file is not None:
                self._file.close()
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                self._file = None

    def _complete_lines(self, data: bytes) -> Iterator[str]:
        *complete, self._rest = (self._rest + data).split(b"\n")
        for line in complete:
            yield line.decode("utf-8", errors="replace")

    def _was_replaced(self) -> bool:
        if self._file is None:
            return True
        try:
            return self._path.stat().st_ino != _inode(self._file)
        except FileNotFoundError:
            return False


def _inode(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino
