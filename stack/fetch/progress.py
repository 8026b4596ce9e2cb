"""One line of progress on a terminal, or a line every tenth where the output is a file."""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from tally.base.shown.terminal import unguarded

_REDRAW_S: Final = 0.1


class Progress:
    """Counts bytes from many threads; a context manager that ends its line."""

    def __init__(self, total_bytes: int, say: Callable[[str], None]) -> None:
        self._total_bytes = max(total_bytes, 1)
        self._say = say
        self._lock = threading.Lock()
        self._done_bytes = 0
        self._drawn_at_s = 0.0
        self._tenth = 0
        self._live = sys.stderr.isatty()

    def add(self, size_bytes: int) -> None:
        """Count bytes that have come; a file that is tried again counts again, so the share stops at 100 %."""
        with self._lock:
            self._done_bytes += size_bytes
            share = min(self._done_bytes / self._total_bytes, 1.0)
            now_s = time.monotonic()
            if self._live and now_s - self._drawn_at_s > _REDRAW_S:
                self._drawn_at_s = now_s
                unguarded(sys.stderr).write(f"\r  {share:4.0%} of {self._total_bytes / 1e6:.0f} MB ")
                sys.stderr.flush()
            elif not self._live and int(share * 10) > self._tenth:
                self._tenth = int(share * 10)
                self._say(f"  {share:4.0%}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            unguarded(sys.stderr).write("\r\033[K")
            sys.stderr.flush()
