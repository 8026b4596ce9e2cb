"""Additions in a call queue: joined one by one or as columns, and what became of them."""

from collections.abc import Sequence

import numpy as np

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.call_queue import CallQueue, Limits, Part
from producer.core.calls import Batch, Call, Placed, Result
from producer.core.columns import read
from producer.core.idempotency import Known
from producer.core.refusals import Outcome, Reason, Refusal

LIMITS = Limits(records_max=100, bytes_max=1_000, batch_records_max=3, retry_floor_s=1.0)
LANES = 2
ABORTED = refusals.aborted("x")


def addition(number: int, a: int = 1) -> Addition:
    """Return an addition whose partition is the last byte of its id."""
    return Addition(number.to_bytes(16, "big"), a, 2)


def join(
    queue: CallQueue,
    additions: Sequence[Addition],
    deadline_s: float = 100.0,
    known: dict[bytes, Known] | None = None,
) -> Call:
    """Let a call wait for additions."""
    call = Call([None] * len(additions), deadline_s, 10 * len(additions))
    seen = [(known or {}).get(each.request_id) for each in additions]
    queue.join(call, range(len(additions)), additions, seen, [each.request_id[-1] for each in additions])
    return call


def column(values: Sequence[int]) -> bytes:
    """Return numbers in 16 bytes each."""
    return b"".join(value.to_bytes(16, "big", signed=True) for value in values)


def join_columns(
    queue: CallQueue,
    additions: Sequence[Addition],
    deadline_s: float = 100.0,
    known: dict[bytes, Known] | None = None,
) -> tuple[Call, list[Part]]:
    """Join as columns what `join` joins one by one."""
    call = Call([], deadline_s, 10 * len(additions))
    keys = [each.request_id for each in additions]
    columns, _, _ = read(b"".join(keys), column([each.a for each in additions]), column([each.b for each in additions]))
    seen = [(known or {}).get(key) for key in keys]
    return call, queue.join_columns(call, columns, keys, seen, np.array([key[-1] for key in keys]))


def by_row(call: Call, parts: Sequence[Part]) -> list[Result | None]:
    """Return the result of each row."""
    found: dict[int, Result | None] = {}
    for part, result in zip(parts, call.results, strict=True):
        for at, row in enumerate(part.rows):
            placed = part.block is not None and isinstance(result, Placed)
            found[int(row)] = part.block.placed(at, duplicate=False) if part.block and placed else result
    return [found[row] for row in range(len(found))]


def records_of(batch: Batch) -> list[Addition]:
    """Return the additions of a batch in the order of its records."""
    rows = [block.columns.addition(row) for block in batch.blocks for row in range(len(block))]
    found = [*(attempt.addition for attempt in batch.attempts), *rows]
    assert [each.request_id for each in found] == [key for key, _ in batch.places()]
    assert len(found) == len(batch)
    return found


def outcome_of(call: Call, place: int = 0) -> tuple[Reason, Outcome]:
    """Return what a refused addition was told."""
    result = call.results[place]
    assert isinstance(result, Refusal)
    return result.reason, result.outcome


def taken(queue: CallQueue, lane: int) -> Batch:
    """Take the batch that waits for a lane."""
    batch = queue.take(lane)
    assert batch is not None
    return batch
