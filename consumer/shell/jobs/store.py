"""Exports and audits: long work whose result is a file outside the ledger, for audit or offline use.

Theory of operation. One thread works, on one job at a time, and writes to ``ID.SUFFIX.tmp``, which is synced and
renamed when it is complete: a file under its own name is whole. ``ID.json`` beside it tells what it is. A job that the
process did not finish is FAILED at the next start. What the work is, the caller says: it gets the record and the file,
notes its progress, and returns the record with what the file holds. Bounded: so many kept, so many waiting.
"""

import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeAlias

import msgspec
from loguru import logger

from consumer.shell.jobs.record import JobState, R, read, save
from consumer.shell.views.readers import NotHereError
from tally.base.written_file import sync_directory
from tally.ledger.exports.hashed_file import HashedFile

Note: TypeAlias = Callable[[R], None]
"""Shows progress; raises when the job was deleted or the process ends, and that must be let through."""
Work: TypeAlias = Callable[[R, HashedFile, Note[R]], R]
"""May raise OSError and NotHereError: the job is FAILED by that reason."""


class JobsFullError(Exception):
    """No more jobs are taken; the message says what to do."""


class _CancelledError(Exception):
    """The job was deleted, or the process ends."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """``kept_max`` on disk, ``queued_max`` of them not finished."""

    kept_max: int
    queued_max: int


class JobStore(Generic[R]):
    """See the module's theory of operation. Safe from several threads."""

    def __init__(self, directory: Path, kind: type[R], noun: str, limits: JobLimits) -> None:
        """Take up what lies in the directory; ``noun`` is what messages call them all. Raises OSError."""
        self._directory = directory
        self._kind: type[R] = kind
        self.noun = noun
        self._limits = limits
        self._lock = threading.Lock()
        self._cancelled: set[str] = set()
        self._closing = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=noun)
        directory.mkdir(parents=True, exist_ok=True)
        self._records: dict[str, R] = self._taken_up()

    def begin(self, blank: R, work: Work[R]) -> R:
        """Queue a job; ``blank`` lacks id and time. Raises JobsFullError, OSError."""
        now = datetime.now(UTC)
        with self._lock:
            self._check_room()
            record = msgspec.structs.replace(
                blank,
                id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
                created_at=now.isoformat(timespec="milliseconds"),
            )
            save(record, self._record_path(record.id))
            self._records[record.id] = record
        self._executor.submit(self._run, record, work)
        return record

    def all(self) -> list[R]:
        """Return every job, the newest first."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: record.id, reverse=True)

    def get(self, job_id: str) -> R | None:
        """Return one job."""
        with self._lock:
            return self._records.get(job_id)

    def file_of(self, record: R) -> Path:
        """Return where the file of a DONE job lies."""
        return self._directory / f"{record.id}.{record.suffix}"

    def delete(self, job_id: str) -> bool:
        """Delete a job, also a running one; return whether there was one. Raises OSError."""
        with self._lock:
            record = self._records.pop(job_id, None)
            if record is None:
                return False
            if not record.finished:
                self._cancelled.add(job_id)
            self._record_path(job_id).unlink(missing_ok=True)
            self.file_of(record).unlink(missing_ok=True)
        return True

    def close(self) -> None:
        """End the running job; it is FAILED."""
        self._closing = True
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _check_room(self) -> None:
        if len(self._records) >= self._limits.kept_max:
            raise JobsFullError(f"{len(self._records)} {self.noun} are kept, which is the limit: delete one")
        waiting = sum(not record.finished for record in self._records.values())
        if waiting >= self._limits.queued_max:
            raise JobsFullError(f"{waiting} {self.noun} are not finished, which is the limit: try again later")

    def _record_path(self, job_id: str) -> Path:
        return self._directory / f"{job_id}.json"

    def _taken_up(self) -> dict[str, R]:
        for leftover in self._directory.glob("*.tmp"):
            leftover.unlink(missing_ok=True)
        records = {}
        for path in sorted(self._directory.glob("*.json")):
            if "." in path.stem:  # ID.report.json: a file of a job
                continue
            record = read(path, self._kind)
            if record is None or record.id != path.stem:
                logger.warning("{} is not one of our {}: it is left alone", path, self.noun)
                continue
            if not record.finished or (record.state is JobState.DONE and not self.file_of(record).exists()):
                what = "its file is gone" if record.finished else "the consumer stopped before it was finished"
                record = msgspec.structs.replace(record, state=JobState.FAILED, error=what)
                save(record, path)
            records[record.id] = record
        return records

    # -- the working thread ------------------------------------------------------------------------------------------

    def _run(self, record: R, work: Work[R]) -> None:
        path = self.file_of(record)
        temporary = path.with_name(path.name + ".tmp")
        record = msgspec.structs.replace(record, state=JobState.RUNNING)
        try:
            self._note(record)
            self._finish(self._written(record, work, temporary), temporary)
        except _CancelledError:
            temporary.unlink(missing_ok=True)
        except (OSError, NotHereError) as error:
            temporary.unlink(missing_ok=True)
            logger.bind(job=record.id).error("one of the {} failed: {}", self.noun, error)
            self._fail(record, str(error))
        except Exception:
            temporary.unlink(missing_ok=True)
            logger.bind(job=record.id).exception("one of the {} failed", self.noun)
            self._fail(record, "an internal error; the consumer's log has the details")
            raise

    def _written(self, record: R, work: Work[R], path: Path) -> R:
        """Write the file and sync it; return what it holds."""
        with path.open("wb") as raw:
            file = HashedFile(raw)
            record = work(record, file, self._note)
            raw.flush()
            os.fsync(raw.fileno())
        return msgspec.structs.replace(record, progress=1.0, size_bytes=file.size_bytes, sha256=file.sha256)

    def _note(self, record: R) -> None:
        """Show progress; only the ends of a job are written to the disk."""
        with self._lock:
            if record.id in self._cancelled or self._closing:
                raise _CancelledError
            self._records[record.id] = record

    def _finish(self, record: R, temporary: Path) -> None:
        finished_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = msgspec.structs.replace(record, state=JobState.DONE, finished_at=finished_at)
        with self._lock:
            if record.id in self._cancelled:
                raise _CancelledError
            os.replace(temporary, self.file_of(record))
            sync_directory(self._directory)
            save(record, self._record_path(record.id))
            self._records[record.id] = record

    def _fail(self, record: R, error: str) -> None:
        record = msgspec.structs.replace(record, state=JobState.FAILED, error=error)
        with self._lock:
            if record.id in self._cancelled:
                return
            self._records[record.id] = record
            try:
                save(record, self._record_path(record.id))
            except OSError as failure:
                logger.bind(job=record.id).error("the failure could not be noted: {}", failure)
