"""Loading two columns of a CSV file: rows become additions whose ids follow from source and line.

The file streams: what is in memory are the batches in flight. Stopping anywhere is safe, since running it again sends
the same ids.
"""

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tally.cli.loading.csv_input import CsvInput
from tally.cli.loading.csv_source import CsvRow, CsvSourceError, Dialect, Reject, read_rows
from tally.cli.loading.ids import request_id
from tally.cli.loading.rejects import RejectsFile
from tally.client.outcomes import Addition, BatchAdder, Committed, Outcome, Position, Refused, Unknown
from tally.event import decimals


@dataclass
class LoadReport:
    """How far a load came.

    ``duplicates`` are those acknowledged rows that the producer knew to be sent before. It remembers only so many ids:
    the ledger recognises every repetition, so a load that was repeated may show none here and still add nothing.
    """

    rows: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    rejected: int = 0
    refused: int = 0
    unknown: int = 0
    sum_unscaled: int = 0
    bytes_read: int = 0
    """Bytes of the file up to the last row with an outcome."""
    complete: bool = False
    """The last row was read."""
    error: CsvSourceError | None = None
    last_unknown: Unknown | None = None
    first_refused: tuple[int, Refused] | None = None
    first_reject: Reject | None = None
    positions: dict[int, Position] = field(default_factory=dict)
    """The last acknowledged position of each partition: the total covers the load once it is past all of them."""

    @property
    def unanswered(self) -> int:
        """Return the number of rows that were read but have no outcome: in flight when the load was stopped."""
        return self.rows - self.acknowledged - self.rejected - self.refused - self.unknown

    @property
    def sum(self) -> str:
        """Return the sum of what was acknowledged, as exact text."""
        return decimals.text_of(self.sum_unscaled)


class WrongSumError(Exception):
    """The service answered with a sum that is not the sum: nothing it says can be trusted."""


async def nothing(_report: LoadReport) -> None:
    """Observe nothing."""


class CsvFile:
    """A CSV file that is open for loading: its content's hash, and its records. ``with`` closes it.

    Raises OSError, and ColumnError and CsvSourceError for the header. ``spool_folder`` is for what can be read once.
    """

    def __init__(self, path: Path, dialect: Dialect, spool_folder: Path) -> None:
        self.path = path
        self.dialect = dialect
        self.input = CsvInput(path, spool_folder)
        self.sha256 = self.input.sha256
        self.size_bytes = self.input.size_bytes
        self.bytes_read = 0
        self._hash = hashlib.sha256()
        try:
            self.records = read_rows(self.input.content(), dialect, self._on_bytes)
        except BaseException:
            self.input.close()
            raise

    @property
    def changed_while_read(self) -> bool:
        """Tell, after the last record, whether the content is not the one that was hashed."""
        return self._hash.hexdigest() != self.sha256

    def __enter__(self) -> "CsvFile":
        return self

    def __exit__(self, *_error: object) -> None:
        self.input.close()

    def _on_bytes(self, raw: bytes) -> None:
        self.bytes_read += len(raw)
        self._hash.update(raw)


class Load:
    """One run over a source. ``report`` is true at every moment, also after ``run`` was cancelled."""

    def __init__(
        self,
        source: CsvFile,
        source_id: str,
        rejects: RejectsFile,
    ) -> None:
        self.source = source
        self.report = LoadReport()
        self._source_id = source_id
        self._rejects = rejects
        self._sent: deque[tuple[CsvRow, int]] = deque()  # with the bytes read so far

    async def run(self, client: BatchAdder, after_batch: Callable[[LoadReport], Awaitable[None]] = nothing) -> None:
        """Send every row and take in every outcome. A row without a final answer ends the reading, not the waiting.

        ``after_batch`` is awaited with the report after each batch; the next rows wait for it. Raises WrongSumError.
        """
        async for batch in client.add_batches(self._additions()):
            for _, outcome in batch:
                row, self.report.bytes_read = self._sent.popleft()
                self._take(row, outcome)
            await after_batch(self.report)
        self.report.bytes_read = self.source.bytes_read
        await after_batch(self.report)

    def _additions(self) -> Iterator[Addition]:
        report = self.report
        try:
            for record in self.source.records:
                report.rows += 1
                if isinstance(record, Reject):
                    report.rejected += 1
                    report.first_reject = report.first_reject or record
                    self._rejects.add(record.line, record.reason, record.content)
                    continue
                self._sent.append((record, self.source.bytes_read))
                yield Addition(request_id(self._source_id, record.line), record.a, record.b)
                if report.unknown:
                    return
        except CsvSourceError as error:
            report.error = error
        else:
            report.complete = True

    def _take(self, row: CsvRow, outcome: Outcome) -> None:
        report = self.report
        match outcome:
            case Committed():
                if decimals.parse(outcome.sum) != row.sum_unscaled:
                    raise WrongSumError(f"line {row.line}: {row.a} + {row.b} was answered with {outcome.sum}")
                report.acknowledged += 1
                report.duplicates += outcome.duplicate
                report.sum_unscaled += row.sum_unscaled
                place = outcome.position
                last = report.positions.get(place.partition)
                if last is None or last.offset < place.offset:
                    report.positions[place.partition] = place
            case Refused():
                report.refused += 1
                report.first_refused = report.first_refused or (row.line, outcome)
                self._rejects.add(row.line, f"refused by the service: {outcome.status}: {outcome.reason}", row.content)
            case Unknown():
                report.unknown += 1
                report.last_unknown = outcome
