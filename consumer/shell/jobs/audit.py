"""An audit: the ledgers are read again from the disk, and must say what the consumer has in memory.

Theory of operation. ``target_of`` takes the state of an open ledger; its rows are fsynced and never change again, so
the audit is of that moment while the ledger grows on. ``tally.ledger.verify`` checks the files as ``tally verify``
does: CRCs, chain, sums, kinds, the steps between segments. One partition at a time, as checking the kinds takes an
index of the ids.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from consumer.shell.jobs.record import AuditRecord
from consumer.shell.views.readers import NotHereError, Readers
from tally.event.decimals import text_of
from tally.ledger.exports.hashed_file import HashedFile
from tally.ledger.state.fold import LedgerState
from tally.ledger.storage.ledger import Ledger
from tally.ledger.verify import LedgerReport, Problem, verify_ledger

_PROBLEMS_MAX: Final = 100
"""In the report, of each ledger; more are counted and not listed."""


@dataclass(frozen=True)
class AuditTarget:
    """A ledger, and the state that its files must add up to."""

    partition: int
    ledger: Ledger
    state: LedgerState


def target_of(readers: Readers, partition: int) -> AuditTarget:
    """Return a partition as it is at this moment. Raises NotHereError."""
    ledger = readers.ledger_of(partition)
    return AuditTarget(partition, ledger, ledger.state)


def write_audit(
    targets: Sequence[AuditTarget],
    readers: Readers,
    record: AuditRecord,
    file: HashedFile,
    note: Callable[[AuditRecord], None],
) -> AuditRecord:
    """Check all targets, write the report, return the verdict. Raises OSError, NotHereError and what ``note`` does."""
    reports: list[dict[str, Any]] = []
    offsets_all, offsets_done, total = max(1, sum(target.state.next_offset for target in targets)), 0, 0
    for target in targets:

        def reached(offset: int, so_far: AuditRecord = record, before: int = offsets_done) -> None:
            note(msgspec.structs.replace(so_far, progress=round((before + offset) / offsets_all, 4)))

        report = verify_ledger(target.ledger.directory, target.state.next_offset, reached)
        problems = [*report.problems, *_differences(target, report)]
        if problems and not readers.has_open(target.partition, target.ledger):
            raise NotHereError(f"partition {target.partition} was taken away while it was read: ask for another audit")
        reports.append(_document(target.partition, report, problems))
        offsets_done += target.state.next_offset
        total += report.counts.total
        record = msgspec.structs.replace(
            record,
            rows=record.rows + report.counts.rows,
            counted=record.counted + report.counts.counted,
            total=text_of(total),
            problems=record.problems + len(problems),
            progress=round(offsets_done / offsets_all, 4),
        )
        note(record)
    record = msgspec.structs.replace(record, ok=record.problems == 0)
    summary = {"ok": record.ok, "counted": record.counted, "total": record.total, "problems": record.problems}
    file.write(msgspec.json.format(msgspec.json.encode(summary | {"ledgers": reports})) + b"\n")
    return record


def _differences(target: AuditTarget, report: LedgerReport) -> list[Problem]:
    """Tell where good files say something else than the consumer."""
    if report.problems:
        return []
    state, in_memory = target.state, target.state.counts.document()
    pairs = {
        "next offset": (report.next_offset, state.next_offset),
        **{name: (on_disk, in_memory[name]) for name, on_disk in report.counts.document().items()},
        "chain": (report.chain.hex(), state.chain.value.hex()),
    }
    return [
        Problem(report.directory, 0, f"its files say {name} {on_disk}, the consumer {in_memory}")
        for name, (on_disk, in_memory) in pairs.items()
        if on_disk != in_memory
    ]


def _document(partition: int, report: LedgerReport, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "partition": partition,
        "ok": not problems,
        "directory": str(report.directory),
        "segments": report.segments,
        "size_bytes": report.size_bytes,
        "rows": report.counts.rows,
        "next_offset": report.next_offset,
        **report.counts.document(),
        "chain": report.chain.hex(),
        "problems": [
            {"file": str(each.file), "position_bytes": each.position_bytes, "what": each.what}
            for each in problems[:_PROBLEMS_MAX]
        ],
        "problems_not_listed": max(0, len(problems) - _PROBLEMS_MAX),
        "notes": list(report.notes),
    }
