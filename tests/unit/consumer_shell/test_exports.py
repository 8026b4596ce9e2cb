"""Exports: what is in the file, and what becomes of it when things go wrong."""

import csv
import errno
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from consumer.core.export_plan import ExportFormat, ExportPlan, microseconds
from consumer.core.rows import POISON, WRONG_SUM, Rows, no_rows
from consumer.shell.export_record import ExportRecord, ExportState
from consumer.shell.export_store import ExportLimits, ExportsFullError, ExportStore
from consumer.shell.readers import NotHereError
from tests_support.waiting import eventually

LIMITS = ExportLimits(kept_max=3, queued_max=2)


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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExportStore]:
    opened = ExportStore(tmp_path, blocks, LIMITS)
    yield opened
    opened.close()


def finished(store: ExportStore, record: ExportRecord) -> ExportRecord:
    def look() -> ExportRecord | None:
        found = store.get(record.id)
        return found if found is not None and found.finished else None

    found = eventually(look, 10, "the export is finished")
    assert found is not None
    return found


def test_csv_and_jsonl_hold_the_same_rows_with_exact_numbers(store: ExportStore) -> None:
    done = finished(store, store.begin(plan(), None, None))
    content = store.file_of(done).read_bytes()
    assert (done.rows, done.counted, done.total, done.progress) == (10, 9, "-0.000000045", 1.0)
    assert (done.size_bytes, done.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    table = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    also = finished(store, store.begin(plan(ExportFormat.JSONL), None, None))
    lines = [json.loads(line) for line in store.file_of(also).read_text().splitlines()]
    assert [{k: "" if v is None else str(v) for k, v in line.items()} for line in lines] == table
    assert table[0]["sum"] == "-0.000000001"
    assert (table[-1]["kind"], table[-1]["reason"], table[-1]["request_id"]) == ("POISON", "WRONG_SUM", "")


def test_times_let_rows_in_from_the_first_and_before_the_second(store: ExportStore) -> None:
    from datetime import UTC, datetime

    edge = microseconds(datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC))
    done = finished(store, store.begin(plan(from_us=edge, to_us=edge + 2_000_000), None, None))
    offsets = [row["offset"] for row in csv.DictReader(store.file_of(done).open(newline=""))]
    assert offsets == ["3", "4"]


def test_an_export_of_a_ledger_that_goes_away_fails_and_leaves_no_file(store: ExportStore, tmp_path: Path) -> None:
    done = finished(store, store.begin(plan(partition=11), None, None))
    assert (done.state, done.error) == (ExportState.FAILED, "partition 11 is not open here")
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_a_full_disk_fails_the_export_and_leaves_no_file(
    store: ExportStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("consumer.shell.export_store.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.begin(plan(), None, None)
    assert store.all() == []
    assert not list(tmp_path.glob("*.csv*"))


def test_finished_exports_survive_the_process_and_unfinished_ones_are_failed(tmp_path: Path) -> None:
    first = ExportStore(tmp_path, blocks, LIMITS)
    done = finished(first, first.begin(plan(), None, None))
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
    assert failed.state is ExportState.FAILED
    assert not (tmp_path / "half.csv.tmp").exists()
    assert second.get("foreign") is None
    second.close()


def test_exports_are_bounded_and_a_deleted_one_makes_room(store: ExportStore) -> None:
    records = [finished(store, store.begin(plan(), None, None)) for _ in range(LIMITS.kept_max)]
    with pytest.raises(ExportsFullError, match="delete one"):
        store.begin(plan(), None, None)
    assert store.delete(records[0].id)
    assert not store.file_of(records[0]).exists()
    assert not store.delete(records[0].id)
    finished(store, store.begin(plan(), None, None))


def test_a_running_export_can_be_deleted_and_waiting_ones_are_bounded(tmp_path: Path) -> None:
    go_on, began = threading.Event(), threading.Event()

    def slow(_partition: int, _from: int, _to: int) -> Iterator[Rows]:
        yield rows_of(3)
        began.set()
        assert go_on.wait(10)
        yield rows_of(3, first=3)

    store = ExportStore(tmp_path, slow, LIMITS)
    running = store.begin(plan(), None, None)
    assert began.wait(10)
    waiting = store.begin(plan(), None, None)
    with pytest.raises(ExportsFullError, match="not finished"):
        store.begin(plan(), None, None)
    assert store.delete(running.id)
    go_on.set()
    finished(store, waiting)
    assert store.get(running.id) is None
    assert {path.name for path in tmp_path.iterdir()} == {f"{waiting.id}.json", f"{waiting.id}.csv"}
    store.close()
