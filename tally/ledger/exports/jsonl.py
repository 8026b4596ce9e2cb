"""Exports as JSON, an object a line; what a row lacks is null."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tally.event.rows import Rows
from tally.ledger.entry import entries_of
from tally.ledger.exports.hashed_file import HashedFile

_JSON: Final = msgspec.json.Encoder()


class JsonlWriter:
    """Lines go out as they come."""

    def __init__(self, file: HashedFile, _description: Mapping[str, str]) -> None:
        self._file = file

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""
        self._file.write(_JSON.encode_lines(list(entries_of(partition, rows))))

    def close(self) -> None:
        """Nothing is held."""


open_writer = JsonlWriter
