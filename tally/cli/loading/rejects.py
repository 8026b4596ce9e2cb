"""The file of records that were not added: line number, reason and the record's own text, as CSV.

A reader never sees half of it. A run without rejects makes no file, but replaces one that an earlier run left: a stale
file would tell lies. Into a pipe, a device or standard output (``-``) the records go as they are found.
"""

import codecs
import csv
from pathlib import Path
from types import TracebackType

from tally.base.written_file import STANDARD_OUTPUT, WrittenFile

HEADER = ("line", "reason", "content")


class RejectsFile:
    """Open it before the first record is sent; ``with`` closes it. Raises OSError when it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = "standard output" if path == STANDARD_OUTPUT else str(path)
        self.count = 0
        self._written = WrittenFile(path)
        self._writer = csv.writer(codecs.getwriter("utf-8")(self._written.file))

    def add(self, line: int, reason: str, content: str) -> None:
        """Keep one record."""
        if self.count == 0:
            self._writer.writerow(HEADER)
        self.count += 1
        self._writer.writerow((line, reason, content))

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.count or self._written.streams:
            self._written.keep()
        elif error is None and self.path.exists():
            self._writer.writerow(HEADER)
            self._written.keep()
        else:
            self._written.discard()
