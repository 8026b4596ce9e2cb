"""Writing one export: the rows below the noted positions, partition by partition, in pieces."""

from collections.abc import Callable, Iterator
from contextlib import closing

import msgspec
import numpy as np

from consumer.shell.jobs.record import ExportRecord
from tally.event.decimals import text_of
from tally.event.rows import Rows
from tally.ledger.exports.hashed_file import HashedFile
from tally.ledger.exports.plan import ExportPlan, selected
from tally.ledger.exports.writers import open_writer
from tally.ledger.state.counts import Counts, counts_of

_CHUNK_ROWS = 4_096

Blocks = Callable[[int, int, int], Iterator[Rows]]
"""(partition, from offset, to offset) -> rows; may raise NotHereError half-way."""


def write_export(
    plan: ExportPlan, blocks: Blocks, record: ExportRecord, file: HashedFile, note: Callable[[ExportRecord], None]
) -> ExportRecord:
    """Write the file; return what it holds. Raises OSError, NotHereError, and what ``note`` raises."""
    held, offsets_done = Counts(), 0
    offsets_all = max(1, sum(plan.positions.values()))
    with closing(open_writer(plan, file)) as writer:
        for partition, next_offset in plan.positions.items():
            for rows in _chunks(blocks(partition, 0, next_offset)):
                chosen = selected(rows, plan)
                writer.write(partition, chosen)
                held += counts_of(chosen)
                progress = round((offsets_done + int(rows["offset"][-1])) / offsets_all, 4)
                note(msgspec.structs.replace(record, rows=held.rows, progress=progress))
            offsets_done += next_offset
    return msgspec.structs.replace(record, rows=held.rows, counted=held.counted, total=text_of(held.total))


def _chunks(blocks: Iterator[Rows]) -> Iterator[Rows]:
    """Cut large blocks, and put small ones together: under light load a block is a row or two."""
    held: list[Rows] = []
    room = _CHUNK_ROWS
    for rows in blocks:
        for start in range(0, len(rows), _CHUNK_ROWS):
            part = rows[start : start + _CHUNK_ROWS]
            if len(part) > room:
                yield np.concatenate(held)
                held, room = [], _CHUNK_ROWS
            held.append(part)
            room -= len(part)
    if held:
        yield np.concatenate(held)
