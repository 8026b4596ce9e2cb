"""Standard output and standard error of a command: what comes from outside steers no terminal.

``guard`` puts a stream before each that writes every character that is no letter or sign as ``repr`` does, newlines and
tabs left out: a server's message, a record's note or a file's name moves no cursor, hides no text and sets no title.
What we draw ourselves, colours and bars, goes to ``unguarded``. Bytes that a command writes as its result, to
``sys.stdout.buffer``, are the user's own.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any, Final, TextIO, cast

from tally.base.shown.values import printable

_KEPT: Final = "\n\t"


class _Guarded:
    """A text stream that shows what is printable; in all else it is the stream behind it."""

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    def write(self, text: str) -> int:
        """Write as shown; return how many characters of ``text`` were taken: all."""
        self.behind.write(printable(text, keep=_KEPT))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write as shown."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


def guard() -> None:
    """Guard this process's standard output and standard error. Called once, before anything is written.

    What gRPC's core would write past both is not written, unless GRPC_VERBOSITY asks for it.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.stdout, sys.stderr = (_guarded(stream) for stream in (sys.stdout, sys.stderr))


def unguarded(stream: TextIO) -> TextIO:
    """Return the stream for what we draw ourselves; values from outside in it are passed through ``printable``."""
    return stream.behind if isinstance(stream, _Guarded) else stream


def _guarded(stream: TextIO) -> TextIO:
    return cast(TextIO, _Guarded(unguarded(stream)))
