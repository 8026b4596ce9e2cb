"""Exports as Parquet, by pyarrow, which is an extra of this package. Imported only when such an export is written."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tally.base.uuid_text import uuid_text
from tally.event.codes import KIND_NAMES, POISON, REASON_NAMES
from tally.event.rows import Mask, Rows
from tally.ledger.entry import NUMBERS, chunks_of
from tally.ledger.exports.hashed_file import HashedFile

_ROW_GROUP_ROWS: Final = 65_536
"""Held before a row group is written: 7 MB of them, and enough for readers to skip and to compress well."""
_DECIMAL: Final = pa.decimal128(38, 9)
_NAMES: Final = pa.dictionary(pa.int8(), pa.string())
_SCHEMA: Final = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("kind", _NAMES, nullable=False),
        pa.field("request_id", pa.string()),
        *(pa.field(name, _DECIMAL) for name in NUMBERS),
        pa.field("timestamp", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("reason", _NAMES),
    ]
)


class ParquetWriter:
    """Columns go over as they are in memory; what a POISON row lacks is null."""

    def __init__(self, file: HashedFile, description: Mapping[str, str]) -> None:
        self._held: list[Any] = []
        self._held_rows = 0
        self._writer = pq.ParquetWriter(file, _SCHEMA.with_metadata(dict(description)), compression="zstd")

    def write(self, partition: int, rows: Rows) -> None:
        """Write rows of a partition."""
        self._held.append(batch_of(partition, rows))
        self._held_rows += len(rows)
        if self._held_rows >= _ROW_GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        """Write the last row group and the footer."""
        try:
            self._write_group()
        finally:
            self._writer.close()

    def _write_group(self) -> None:
        held, self._held, self._held_rows = self._held, [], 0
        if held:
            self._writer.write_table(pa.Table.from_batches(held))


def batch_of(partition: int, rows: Rows) -> Any:
    """Return rows as a record batch of the file's schema."""
    has_numbers = rows["kind"] != POISON
    ids = [
        uuid_text(raw) if known else None for raw, known in zip(chunks_of(rows, "request_id"), has_numbers, strict=True)
    ]
    timestamps = np.ascontiguousarray(rows["timestamp_us"]).view("datetime64[us]")
    reasons = pa.array(rows["reason"].astype(np.int8), mask=has_numbers)
    columns = [
        pa.array(np.full(len(rows), partition, np.int32)),
        pa.array(rows["offset"]),
        pa.DictionaryArray.from_arrays(rows["kind"].astype(np.int8), pa.array(KIND_NAMES)),
        pa.array(ids, pa.string()),
        *(_decimals(rows, name, has_numbers) for name in NUMBERS),
        pa.array(timestamps, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
        pa.DictionaryArray.from_arrays(reasons, pa.array(REASON_NAMES)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _decimals(rows: Rows, name: str, has_numbers: Mask) -> Any:
    """Return 16-byte big-endian numbers as Arrow's little-endian ones."""
    validity = pa.py_buffer(np.packbits(has_numbers, bitorder="little").tobytes())
    values = pa.py_buffer(np.ascontiguousarray(rows[name][:, ::-1]).tobytes())
    return pa.Array.from_buffers(_DECIMAL, len(rows), [validity, values])


open_writer = ParquetWriter
