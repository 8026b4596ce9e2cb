"""Exports: what is in the file, and what becomes of it when things go wrong."""

import csv
import errno
import hashlib
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import fastavro
import numpy as np
import polars
import pyarrow.parquet
import pytest

from consumer.shell.jobs.export import Blocks, write_export
from consumer.shell.jobs.record import ExportRecord, JobState
from consumer.shell.jobs.store import JobLimits, JobsFullError, JobStore
from consumer.shell.views.readers import NotHereError
from tally.event.codes import POISON, WRONG_SUM
from tally.event.rows import Rows, no_rows
from tally.ledger.exports.formats import ExportFormat
from tally.ledger.exports.hashed_file import HashedFile
from tally.ledger.exports.plan import ExportPlan, microseconds
from tests_support.checkout import ROOT
from tests_support.waiting import eventually

LIMITS = JobLimits(kept_max=3, queued_max=2)


def rows_of(count: int, first: int = 0) -> Rows:
    """Return rows with the sum -(offset + 1) / 10**9, the last one POISON."""
    rows = no_rows(count)
    for n in range(count):
        number = -(first + n + 1)
        rows["offset"][n] = first + n
        rows["timestamp_us"][n] = (first + n) * 1_000_000
        rows["request_id"][n] = np.frombuffer((first + n).to_bytes(16, "big"), np.uint8)
        rows["a"][n] = rows["sum"][n] = np.frombuffer(number.to_bytes(16, "big", signed=True), np.uint8)
    rows["kind"][-1], rows["reason"][-1] = POISON, WRONG_SUM
    return rows


def blocks(partition: int, from_offset: int, to_offset: int) -> Iterator[Rows]:
    if partition == 11:
        raise NotHereError("partition 11 is not open here")
    everything = rows_of(10)
    yield everything[(everything["offset"] >= from_offset) & (everything["offset"] < to_offset)]


def plan(form: ExportFormat = ExportFormat.CSV, partition: int = 0, **times: int) -> ExportPlan:
    return ExportPlan(form, {partition: 10}, times.get("from_us"), times.get("to_us"))


class ExportStore(JobStore[ExportRecord]):
    """A store of exports of given rows."""

    def __init__(self, directory: Path, rows: Blocks, limits: JobLimits) -> None:
        super().__init__(directory, ExportRecord, "exports", limits)
        self._rows = rows

    def export(self, wanted: ExportPlan) -> ExportRecord:
        blank = ExportRecord(format=wanted.format, positions=dict(wanted.positions))
        return self.begin(blank, partial(write_export, wanted, self._rows))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExportStore]:
    opened = ExportStore(tmp_path, blocks, LIMITS)
    yield opened
    opened.close()


def finished(store: ExportStore, record: ExportRecord) -> ExportRecord:
    def look() -> ExportRecord | None:
        found = store.get(record.id)
        return found if found is not None and found.finished else None

    return eventually(look, 10, "the export is finished")


def test_csv_and_jsonl_hold_the_same_rows_with_exact_numbers(store: ExportStore) -> None:
    """CSV and JSON Lines hold the same rows with exact decimals, and the record has the file's rows, size and hash."""
    done = finished(store, store.export(plan()))
    content = store.file_of(done).read_bytes()
    assert (done.rows, done.counted, done.total, done.progress) == (10, 9, "-0.000000045", 1.0)
    assert (done.size_bytes, done.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    table = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    also = finished(store, store.export(plan(ExportFormat.JSONL)))
    lines = [json.loads(line) for line in store.file_of(also).read_text().splitlines()]
    assert [{k: "" if v is None else str(v) for k, v in line.items()} for line in lines] == table
    assert table[0]["sum"] == "-0.000000001"
    assert (table[-1]["kind"], table[-1]["reason"], table[-1]["request_id"]) == ("POISON", "WRONG_SUM", "")


def as_text(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader of Avro or Parquet gave as jsonl has it: numbers, times and gaps in text."""
    kind = str(entry["kind"])
    numbers = {name: None if kind == "POISON" else f"{entry[name]:f}" for name in ("a", "b", "sum")}
    found = {**entry, **numbers, "kind": kind}
    found["request_id"] = None if kind == "POISON" else str(entry["request_id"])
    moment = entry["timestamp"]  # of some readers in the machine's time zone, of others with none
    found["timestamp"] = (moment if moment.tzinfo is None else moment.astimezone(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    found["reason"] = None if entry["reason"] in (None, "NONE") else str(entry["reason"])
    return found


def by_duckdb(path: Path) -> list[dict[str, Any]]:
    found = duckdb.sql(f"from '{path}'")
    assert found is not None
    rows: list[dict[str, Any]] = found.to_arrow_table().to_pylist()
    return rows


@pytest.mark.parametrize(
    ("form", "read"),
    [
        (ExportFormat.AVRO, lambda path: list(fastavro.reader(path.open("rb")))),
        (ExportFormat.AVRO, lambda path: polars.read_avro(path).to_dicts()),
        (ExportFormat.PARQUET, lambda path: pyarrow.parquet.read_table(path).to_pylist()),
        (ExportFormat.PARQUET, lambda path: polars.read_parquet(path).to_dicts()),
        (ExportFormat.PARQUET, by_duckdb),
    ],
    ids=["avro by fastavro", "avro by polars", "parquet by pyarrow", "parquet by polars", "parquet by duckdb"],
)
def test_independent_readers_find_in_avro_and_parquet_what_jsonl_says(
    store: ExportStore, form: ExportFormat, read: Callable[[Path], list[dict[str, Any]]]
) -> None:
    """Independent readers find the same values in Avro and Parquet exports as in JSON Lines, to the last digit."""
    lines = finished(store, store.export(plan(ExportFormat.JSONL)))
    expected = [json.loads(line) for line in store.file_of(lines).read_text().splitlines()]
    done = finished(store, store.export(plan(form)))
    path = store.file_of(done)
    assert (done.state, done.error) == (JobState.DONE, None)
    assert (done.rows, done.total, done.size_bytes) == (10, lines.total, path.stat().st_size)
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for entry, line in zip(read(path), expected, strict=True):
        numbers = {name: line[name] and f"{Decimal(line[name]):.9f}" for name in ("a", "b", "sum")}
        assert as_text(entry) == {**line, **numbers}


def test_avro_and_parquet_say_themselves_as_of_which_positions_they_are(store: ExportStore) -> None:
    """The metadata of an Avro or Parquet file has the positions that it is as of, so the file explains itself."""
    avro = store.file_of(finished(store, store.export(plan(ExportFormat.AVRO, from_us=7))))
    parquet = store.file_of(finished(store, store.export(plan(ExportFormat.PARQUET))))
    with avro.open("rb") as file:
        metadata = fastavro.reader(file).metadata
    assert (metadata["tally.positions"], metadata["tally.from_us"]) == ('{"0": 10}', "7")
    assert pyarrow.parquet.read_schema(parquet).metadata[b"tally.positions"] == b'{"0": 10}'


@pytest.mark.parametrize("form", [ExportFormat.AVRO, ExportFormat.PARQUET])
def test_a_large_export_goes_out_in_pieces_and_keeps_the_order(tmp_path: Path, form: ExportFormat) -> None:
    """More rows than a writer holds, in small blocks and large, make several pieces with every row once, in order."""

    def many(_partition: int, _from: int, to: int) -> Iterator[Rows]:
        rows = no_rows(to)
        rows["offset"] = np.arange(to)
        small, large = rows[:9_000], rows[9_000:]
        yield from [block for block in (*np.array_split(small, 4_000), *np.array_split(large, 3)) if len(block)]

    store = ExportStore(tmp_path, many, LIMITS)
    done = finished(store, store.export(ExportPlan(form, {0: 66_000, 1: 10}, None, None)))
    path = store.file_of(done)
    store.close()
    if form is ExportFormat.AVRO:
        with path.open("rb") as file:
            blocks_found = [list(block) for block in fastavro.block_reader(file)]
        rows = [row for block in blocks_found for row in block if isinstance(row, dict)]
        pieces = len(blocks_found)
    else:
        rows, pieces = (
            pyarrow.parquet.read_table(path).to_pylist(),
            pyarrow.parquet.ParquetFile(path).metadata.num_row_groups,
        )
    assert [(row["partition"], row["offset"]) for row in rows] == [
        *((0, offset) for offset in range(66_000)),
        *((1, offset) for offset in range(10)),
    ]
    assert pieces > 1


def test_times_let_rows_in_from_the_first_and_before_the_second(store: ExportStore) -> None:
    """An export between two times holds the rows from the first time on, up to but not including the second."""
    edge = microseconds(datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC))
    done = finished(store, store.export(plan(from_us=edge, to_us=edge + 2_000_000)))
    offsets = [row["offset"] for row in csv.DictReader(store.file_of(done).open(newline=""))]
    assert offsets == ["3", "4"]


@pytest.mark.parametrize("form", list(ExportFormat))
def test_a_disk_that_takes_no_more_bytes_fails_the_export_and_leaves_no_file(
    store: ExportStore, tmp_path: Path, form: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up while rows are written makes the export FAILED with the cause and leaves no file."""

    def full(_file: HashedFile, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(HashedFile, "write", full)
        done = finished(store, store.export(plan(form)))
    assert done.state is JobState.FAILED
    assert "No space left on device" in (done.error or "")
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


@pytest.mark.parametrize("form", list(ExportFormat))
def test_an_export_of_a_ledger_that_goes_away_fails_and_leaves_no_file(
    store: ExportStore, tmp_path: Path, form: ExportFormat
) -> None:
    """An export whose second partition is closed while it runs is FAILED with that reason, and its file is removed."""
    done = finished(store, store.export(ExportPlan(form, {0: 10, 11: 10}, None, None)))
    assert (done.state, done.error) == (JobState.FAILED, "partition 11 is not open here")
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_an_export_whose_record_cannot_be_written_is_refused_and_leaves_no_file(
    store: ExportStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export whose own record cannot be made durable is refused at once, and neither is kept."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("consumer.shell.jobs.store.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.export(plan())
    assert store.all() == []
    assert list(tmp_path.iterdir()) == []


def test_finished_exports_survive_the_process_and_unfinished_ones_are_failed(tmp_path: Path) -> None:
    """After a restart a finished export is as it was, an unfinished one is FAILED, and other files are ignored."""
    first = ExportStore(tmp_path, blocks, LIMITS)
    done = finished(first, first.export(plan()))
    first.close()
    half = json.loads((tmp_path / f"{done.id}.json").read_text())
    half |= {"id": "half", "state": "RUNNING"}
    (tmp_path / "half.json").write_text(json.dumps(half))
    (tmp_path / "half.csv.tmp").write_text("offset")
    (tmp_path / "foreign.json").write_text("{}")
    second = ExportStore(tmp_path, blocks, LIMITS)
    assert second.get(done.id) == done
    failed = second.get("half")
    assert failed is not None
    assert failed.state is JobState.FAILED
    assert not (tmp_path / "half.csv.tmp").exists()
    assert second.get("foreign") is None
    second.close()


_KILLED = """
import sys
from functools import partial
from pathlib import Path
from tally.ledger.exports.formats import ExportFormat
from tally.ledger.exports.plan import ExportPlan
from tally.event.rows import no_rows
from consumer.shell.jobs.export import write_export
from consumer.shell.jobs.record import ExportRecord
from consumer.shell.jobs.store import JobLimits, JobStore

def endless(partition, from_offset, to_offset):
    while True:
        yield no_rows(4096)
        if any(Path(sys.argv[1]).glob("*.tmp")):
            print("writing", flush=True)

store = JobStore(Path(sys.argv[1]), ExportRecord, "exports", JobLimits(3, 3))
plan = ExportPlan(ExportFormat(sys.argv[2]), {0: 10}, None, None)
store.begin(ExportRecord(format=plan.format, positions=plan.positions), partial(write_export, plan, endless))
"""


@pytest.mark.parametrize("form", [ExportFormat.AVRO, ExportFormat.PARQUET])
def test_a_process_killed_in_the_middle_of_an_export_leaves_no_half_file(tmp_path: Path, form: ExportFormat) -> None:
    """After a SIGKILL during an export, the next start marks it FAILED with the reason and removes its partial file."""
    command = [sys.executable, "-c", _KILLED, str(tmp_path), form.value]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.kill()
    assert list(tmp_path.glob(f"*.{form.value}.tmp"))
    store = ExportStore(tmp_path, blocks, LIMITS)
    [record] = store.all()
    store.close()
    assert (record.state, record.error) == (JobState.FAILED, "the consumer stopped before it was finished")
    assert [path.name for path in tmp_path.iterdir()] == [f"{record.id}.json"]


def test_exports_are_bounded_and_a_deleted_one_makes_room(store: ExportStore) -> None:
    """One export more than may be kept is refused with the cure, and deleting one, file and all, makes room for it."""
    records = [finished(store, store.export(plan())) for _ in range(LIMITS.kept_max)]
    with pytest.raises(JobsFullError, match="delete one"):
        store.export(plan())
    assert store.delete(records[0].id)
    assert not store.file_of(records[0]).exists()
    assert not store.delete(records[0].id)
    finished(store, store.export(plan()))


def test_a_running_export_can_be_deleted_and_waiting_ones_are_bounded(tmp_path: Path) -> None:
    """An export deleted while it runs leaves no file, and those that wait behind it have a limit and are still done."""
    go_on, began = threading.Event(), threading.Event()

    def slow(_partition: int, _from: int, _to: int) -> Iterator[Rows]:
        yield rows_of(3)
        began.set()
        assert go_on.wait(10)
        yield rows_of(3, first=3)

    store = ExportStore(tmp_path, slow, LIMITS)
    running = store.export(plan())
    assert began.wait(10)
    waiting = store.export(plan())
    with pytest.raises(JobsFullError, match="not finished"):
        store.export(plan())
    assert store.delete(running.id)
    go_on.set()
    finished(store, waiting)
    assert store.get(running.id) is None
    assert {path.name for path in tmp_path.iterdir()} == {f"{waiting.id}.json", f"{waiting.id}.csv"}
    store.close()
