"""The file of records that were not added: line number, reason and the record's own text, as CSV.

It is written beside its final name and renamed at the end, so that a reader never sees half of it. A run without
rejects makes no file, but replaces one that an earlier run left: a stale file would tell lies.
"""

import csv
import os
from pathlib import Path
from types import TracebackType

HEADER = ("line", "reason", "content")


class RejectsFile:
    """Open it before the first record is sent; ``with`` closes it. Raises OSError when it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._unfinished = path.with_name(f"{path.name}.unfinished")
        self._file = self._unfinished.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(HEADER)

    def add(self, line: int, reason: str, content: str) -> None:
        """Keep one record."""
        self.count += 1
        self._writer.writerow((line, reason, content))

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if self.count or (error is None and self.path.exists()):
            os.replace(self._unfinished, self.path)
        else:
            self._unfinished.unlink()
