"""The ledger's bytes are Avro for everybody: equal to fastavro's writing, read by fastavro and polars."""

import datetime
import io
import json
import uuid
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tally.event.codes import KIND_NAMES, REASON_NAMES
from tally.event.decimals import SCALE, text_of
from tally.event.rows import Rows
from tally.generated.avro.ledger_row import LedgerRow
from tally.ledger.format.block import encode_block
from tally.ledger.format.mark import Mark, mark_of
from tally.ledger.state.fold import LedgerState
from tally.ledger.state.id_index import IdIndex
from tests_support.ledger.files import all_rows, append_all, batches_of, opened
from tests_support.ledger.records import IDENTITY, SCHEMAS, Record, Row, folded, plain
from tests_support.ledger.strategies import topics

SYNC = bytes(range(16))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
SCHEMA: Any = fastavro.parse_schema(json.loads(LedgerRow.SCHEMA))


def decimal_of(unscaled: int) -> Decimal:
    return Decimal(f"{unscaled}E-{SCALE}")


def moment(timestamp_us: int) -> datetime.datetime | int:
    """fastavro takes a moment as a datetime or, where there is none, as the plain long."""
    try:
        return EPOCH + datetime.timedelta(microseconds=timestamp_us)
    except OverflowError:
        return timestamp_us


def as_record(row: Row) -> dict[str, Any]:
    empty = {"counted": 0, "duplicates": 0, "conflicts": 0, "poison": 0, "total": "", "chain": b"", "crc": bytes(4)}
    return empty | {
        "kind": KIND_NAMES[row.kind],
        "offset": row.offset,
        "request_id": row.request_id,
        "a": decimal_of(row.a),
        "b": decimal_of(row.b),
        "sum": decimal_of(row.sum),
        "timestamp": moment(row.timestamp_us),
        "digest": row.digest,
        "reason": REASON_NAMES[row.reason],
    }


def mark_record(mark: Mark, crc: bytes) -> dict[str, Any]:
    blank = Row(4, 0, mark.next_offset, mark.last_timestamp_us, bytes(16), 0, 0, 0, bytes(16))
    counts = {name: getattr(mark.counts, name) for name in ("counted", "duplicates", "conflicts", "poison")}
    return as_record(blank) | counts | {"total": text_of(mark.counts.total), "chain": mark.chain, "crc": crc}


def written_by_fastavro(rows: Rows, mark: Mark, crc: bytes) -> bytes:
    """Return the same block as fastavro writes it: what follows its header."""
    out = io.BytesIO()
    records = [as_record(row) for row in plain(rows)]
    fastavro.writer(out, SCHEMA, [*records, mark_record(mark, crc)], sync_marker=SYNC, sync_interval=2**30)
    data = out.getvalue()
    return data[data.index(SYNC) + len(SYNC) :]


@given(topics(max_size=25), st.integers(-(10**45), 10**45))
@settings(deadline=None)
def test_a_block_is_byte_for_byte_what_fastavro_writes(records: list[Record], total: int) -> None:
    """Any block of the ledger has the bytes that fastavro writes for its rows and mark."""
    outcome = folded(LedgerState.empty(), IdIndex(), records)
    mark = mark_of(replace(outcome.state, counts=replace(outcome.state.counts, total=total)))
    block = encode_block(outcome.rows, mark, SYNC)
    crc = block[-len(SYNC) - 4 : -len(SYNC)]
    assert written_by_fastavro(outcome.rows, mark, crc) == block


def test_fastavro_reads_a_whole_segment(tmp_path: Path) -> None:
    """fastavro reads every row, mark and header field of a ledger file as it was written."""
    path, rows = segment(tmp_path)
    with path.open("rb") as file:
        reader: Any = fastavro.reader(file)
        records: list[dict[str, Any]] = list(reader)
        metadata = reader.metadata
    assert metadata["tally.topic"] == IDENTITY.topic
    assert json.loads(metadata["tally.schemas"]) == {str(key): text for key, text in SCHEMAS.items()}
    marks = [record for record in records if record["kind"] == "MARK"]
    assert len(marks) == 40
    assert marks[-1]["total"] == text_of(sum(row.sum for row in plain(rows) if row.kind == 0))
    for record, row in zip((record for record in records if record["kind"] != "MARK"), plain(rows), strict=True):
        found = {name: record[name] for name in record if name not in ("request_id", "digest")}
        expected = as_record(row)
        assert found == {name: expected[name] for name in found}
        assert uuid_bytes(record["request_id"]) == row.request_id


def test_polars_reads_a_whole_segment_with_exact_decimals(tmp_path: Path) -> None:
    """polars reads a ledger file with exact decimals, offsets and reasons."""
    path, rows = segment(tmp_path)
    frame = pl.read_avro(path)
    counted = frame.filter(pl.col("kind") == "COUNTED")
    expected = [row for row in plain(rows) if row.kind == 0]
    assert counted.schema["sum"] == pl.Decimal(38, SCALE)
    assert counted["sum"].to_list() == [decimal_of(row.sum) for row in expected]
    assert counted["a"].to_list() == [decimal_of(row.a) for row in expected]
    assert counted["offset"].to_list() == [row.offset for row in expected]
    assert frame.filter(pl.col("kind") == "POISON")["reason"].unique().to_list() == ["FRAMING"]


def test_the_generated_class_reads_every_row_of_a_block(tmp_path: Path) -> None:
    """Each row and mark of a ledger file is encoded by the generated class to bytes that the file has."""
    path, rows = segment(tmp_path)
    with path.open("rb") as file:
        blocks: list[Any] = list(fastavro.block_reader(file))
    count = 0
    for block in blocks:
        data = block.bytes_.getvalue()
        # every row of a block but its MARK is re-encoded from the generated class and found in its place
        for record in block:
            again = LedgerRow(
                **(record | {"kind": record["kind"], "request_id": uuid.UUID(bytes=uuid_bytes(record["request_id"]))})
            ).encode()
            assert again in data
            assert LedgerRow.decode(again).offset == record["offset"]
            count += 1
    assert count == len(rows) + len(blocks)


def uuid_bytes(value: Any) -> bytes:
    return value.bytes if isinstance(value, uuid.UUID) else bytes(value)


def segment(folder: Path) -> tuple[Path, Rows]:
    """Write a ledger of one segment, its offsets crossing a width of the varint, and return file and rows."""
    opening = opened(directory=folder / "ledger")
    append_all(opening.ledger, opening.index, batches_of(40, 5))
    (info,) = opening.ledger.segments()
    rows = all_rows(opening.ledger)
    opening.ledger.close()
    return info.path, rows
