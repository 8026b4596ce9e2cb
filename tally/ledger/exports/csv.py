"""Exports as CSV (RFC 4180) with a header; what a row lacks is empty."""

import csv
import io
from collections.abc import Mapping
from operator import attrgetter
from typing import Final

from tally.event.rows import Rows
from tally.ledger.entry import COLUMNS, entries_of
from tally.ledger.exports.hashed_file import HashedFile

_CELLS: Final = attrgetter(*COLUMNS)


class CsvWriter:
    """Lines go out as they come."""

    def __init__(self, file: HashedFile, _description: Mapping[str, str]) -> None:
        self._file = file
        file.write((",".join(COLUMNS) + "\r\n").encode())

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""
        out = io.StringIO(newline="")
        csv.writer(out).writerows(map(_CELLS, entries_of(partition, rows)))
        self._file.write(out.getvalue().encode())

    def close(self) -> None:
        """Nothing is held."""


open_writer = CsvWriter
