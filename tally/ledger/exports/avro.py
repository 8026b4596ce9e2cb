"""Exports as Avro object container files, by the contract ``contracts/avro/entry.avsc``."""

import json
from collections.abc import Mapping
from typing import IO, Final, cast

from fastavro import parse_schema
from fastavro.write import Writer as AvroFile

from tally.base.uuid_text import uuid_text
from tally.event.codes import KIND_NAMES, POISON, REASON_NAMES
from tally.event.rows import Rows
from tally.generated.avro.entry import Entry
from tally.ledger.entry import NUMBERS, cells_of
from tally.ledger.exports.hashed_file import HashedFile

_BLOCK_BYTES: Final = 256 * 1024
"""Held before a block is written: enough to compress well."""
_CODEC: Final = "deflate"
"""The one besides null that every Avro library has."""


class AvroWriter:
    """Decimals go in as the 16 bytes that the ledger has, so nothing is rounded or parsed on the way."""

    def __init__(self, file: HashedFile, description: Mapping[str, str]) -> None:
        schema = parse_schema(json.loads(Entry.SCHEMA))
        self._writer = AvroFile(
            cast("IO[bytes]", file), schema, codec=_CODEC, sync_interval=_BLOCK_BYTES, metadata=dict(description)
        )

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""
        cells = cells_of(rows, rows["timestamp_us"].tolist())
        for offset, kind, request_id, numbers, timestamp_us, reason in cells:
            self._writer.write(
                {
                    "partition": partition,
                    "offset": offset,
                    "kind": KIND_NAMES[kind],
                    "request_id": "" if kind == POISON else uuid_text(request_id),
                    **dict(zip(NUMBERS, numbers, strict=True)),
                    "timestamp": timestamp_us,
                    "reason": REASON_NAMES[reason],
                }
            )

    def close(self) -> None:
        """Write the last block."""
        self._writer.flush()


open_writer = AvroWriter
