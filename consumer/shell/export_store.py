"""Exports: results saved to files outside the ledger, for audit or offline work.

Theory of operation. ``begin`` notes the positions of that moment, so an export is consistent as of them however long
it takes. One thread writes, to ``ID.FORMAT.tmp``, which is synced and renamed when it is complete: a file under its
own name is whole. ``ID.json`` beside it tells what it is. An export that the process did not finish is FAILED at the
next start. Bounded: so many kept, so many waiting.
"""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from loguru import logger

from common.decimals import text_of
from consumer.core.export_plan import ExportPlan, counted_sum, selected
from consumer.core.rows import Rows
from consumer.shell.export_record import ExportRecord, ExportState, read, save, sync_directory
from consumer.shell.export_writers import open_writer
from consumer.shell.hashed_file import HashedFile
from consumer.shell.readers import NotHereError

_CHUNK_ROWS = 4_096

Blocks = Callable[[int, int, int], Iterator[Rows]]
"""(partition, from offset, to offset) -> rows; may raise NotHereError half-way."""


class ExportsFullError(Exception):
    """No more exports are taken; the message says what to do."""


class _CancelledError(Exception):
    """The export was deleted, or the process ends."""


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """``kept_max`` on disk, ``queued_max`` of them not finished."""

    kept_max: int
    queued_max: int


class ExportStore:
    """See the module's theory of operation. Safe from several threads."""

    def __init__(self, directory: Path, blocks: Blocks, limits: ExportLimits) -> None:
        """Take up what lies in the directory. Raises OSError."""
        self._directory = directory
        self._blocks = blocks
        self._limits = limits
        self._lock = threading.Lock()
        self._cancelled: set[str] = set()
        self._closing = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="export")
        directory.mkdir(parents=True, exist_ok=True)
        self._records = self._taken_up()

    def begin(self, plan: ExportPlan, from_: str | None, to: str | None) -> ExportRecord:
        """Queue an export. Raises ExportsFullError, OSError."""
        now = datetime.now(UTC)
        with self._lock:
            self._check_room()
            record = ExportRecord(
                id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
                state=ExportState.QUEUED,
                format=plan.format,
                positions=dict(plan.positions),
                from_=from_,
                to=to,
                created_at=now.isoformat(timespec="milliseconds"),
            )
            save(record, self._record_path(record.id))
            self._records[record.id] = record
        self._executor.submit(self._run, record, plan)
        return record

    def all(self) -> list[ExportRecord]:
        """Return every export, the newest first."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: record.id, reverse=True)

    def get(self, export_id: str) -> ExportRecord | None:
        """Return one export."""
        with self._lock:
            return self._records.get(export_id)

    def file_of(self, record: ExportRecord) -> Path:
        """Return where the file of a DONE export lies."""
        return self._directory / f"{record.id}.{record.format.value}"

    def delete(self, export_id: str) -> bool:
        """Delete an export, also a running one; return whether there was one. Raises OSError."""
        with self._lock:
            record = self._records.pop(export_id, None)
            if record is None:
                return False
            if not record.finished:
                self._cancelled.add(export_id)
            self._record_path(export_id).unlink(missing_ok=True)
            self.file_of(record).unlink(missing_ok=True)
        return True

    def close(self) -> None:
        """End the running export; it is FAILED."""
        self._closing = True
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _check_room(self) -> None:
        if len(self._records) >= self._limits.kept_max:
            raise ExportsFullError(f"{len(self._records)} exports are kept, as many as are allowed: delete one")
        waiting = sum(not record.finished for record in self._records.values())
        if waiting >= self._limits.queued_max:
            raise ExportsFullError(f"{waiting} exports are not finished, as many as are allowed: ask again later")

    def _record_path(self, export_id: str) -> Path:
        return self._directory / f"{export_id}.json"

    def _taken_up(self) -> dict[str, ExportRecord]:
        for leftover in self._directory.glob("*.tmp"):
            leftover.unlink(missing_ok=True)
        records = {}
        for path in sorted(self._directory.glob("*.json")):
            record = read(path)
            if record is None or record.id != path.stem:
                logger.warning("{} is not an export of ours, it is left alone", path)
                continue
            if not record.finished or (record.state is ExportState.DONE and not self.file_of(record).exists()):
                what = "its file is gone" if record.finished else "the consumer stopped before it was finished"
                record = msgspec.structs.replace(record, state=ExportState.FAILED, error=what)
                save(record, path)
            records[record.id] = record
        return records

    # -- the writing thread ------------------------------------------------------------------------------------------

    def _run(self, record: ExportRecord, plan: ExportPlan) -> None:
        temporary = self._directory / f"{record.id}.{record.format.value}.tmp"
        record = msgspec.structs.replace(record, state=ExportState.RUNNING)
        try:
            self._note(record)
            record = self._write(record, plan, temporary)
            self._finish(record, temporary)
        except _CancelledError:
            temporary.unlink(missing_ok=True)
        except (OSError, NotHereError) as error:
            temporary.unlink(missing_ok=True)
            logger.bind(export=record.id).error("the export failed: {}", error)
            self._fail(record, str(error))
        except Exception:
            temporary.unlink(missing_ok=True)
            logger.bind(export=record.id).exception("the export failed")
            self._fail(record, "an internal error; the consumer's log tells")
            raise

    def _write(self, record: ExportRecord, plan: ExportPlan, path: Path) -> ExportRecord:
        """Write the file and sync it; return what it holds."""
        rows_written = counted = total = offsets_done = 0
        offsets_all = max(1, sum(plan.positions.values()))
        with path.open("wb") as raw:
            file = HashedFile(raw)
            with closing(open_writer(plan, file)) as writer:
                for partition, next_offset in plan.positions.items():
                    for rows in self._chunks(record.id, partition, next_offset):
                        chosen = selected(rows, plan)
                        writer.write(partition, chosen)
                        number, amount = counted_sum(chosen)
                        rows_written, counted, total = rows_written + len(chosen), counted + number, total + amount
                        reached = offsets_done + int(rows["offset"][-1])
                        self._note(
                            msgspec.structs.replace(record, rows=rows_written, progress=round(reached / offsets_all, 4))
                        )
                    offsets_done += next_offset
            raw.flush()
            os.fsync(raw.fileno())
        return msgspec.structs.replace(
            record,
            progress=1.0,
            rows=rows_written,
            counted=counted,
            total=text_of(total),
            size_bytes=file.size_bytes,
            sha256=file.sha256,
        )

    def _chunks(self, export_id: str, partition: int, next_offset: int) -> Iterator[Rows]:
        for rows in self._blocks(partition, 0, next_offset):
            for start in range(0, len(rows), _CHUNK_ROWS):
                if self._closing or export_id in self._cancelled:
                    raise _CancelledError
                yield rows[start : start + _CHUNK_ROWS]

    def _note(self, record: ExportRecord) -> None:
        """Show progress; only the ends of an export are written to the disk."""
        with self._lock:
            if record.id in self._cancelled or self._closing:
                raise _CancelledError
            self._records[record.id] = record

    def _finish(self, record: ExportRecord, temporary: Path) -> None:
        finished_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = msgspec.structs.replace(record, state=ExportState.DONE, finished_at=finished_at)
        with self._lock:
            if record.id in self._cancelled:
                raise _CancelledError
            os.replace(temporary, self.file_of(record))
            sync_directory(self._directory)
            save(record, self._record_path(record.id))
            self._records[record.id] = record

    def _fail(self, record: ExportRecord, error: str) -> None:
        record = msgspec.structs.replace(record, state=ExportState.FAILED, error=error)
        with self._lock:
            if record.id in self._cancelled:
                return
            self._records[record.id] = record
            try:
                save(record, self._record_path(record.id))
            except OSError as failure:
                logger.bind(export=record.id).error("the failure could not be noted: {}", failure)
