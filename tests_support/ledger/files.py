"""Ledgers for the tests: batches appended by the real code, and what a reopened one must hold."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from tally.event.rows import Rows
from tally.ledger.format.identity import Identity
from tally.ledger.state.fold import LedgerState, fold
from tally.ledger.state.id_index import IdIndex
from tally.ledger.storage.disk import Disk
from tally.ledger.storage.ledger import SEGMENT_BYTES_MAX, Ledger, Opened
from tests_support.ledger.records import IDENTITY, SCHEMAS, Record, addition, decoded, plain

DIRECTORY = Path("ledger")


def batches_of(count: int, size: int = 3, *, first: int = 0) -> list[list[Record]]:
    """Return batches with duplicates, conflicts and poison among them, and gaps for commit markers."""
    numbers = itertools.count(first)
    made = []
    for n in range(first, first + count):
        batch = [addition(next(numbers), n // 3, a=n % 3 // 2, b=7)]  # counted, then again, then with another a
        batch += [addition(next(numbers), 100 + n * size + k, a=-n, b=k) for k in range(size - 2)]
        offset = next(numbers)
        batch.append(Record(offset, 1_764_000_000_000 + offset, b"key", b"junk %d" % offset))
        next(numbers)
        made.append(batch)
    return made


def unpredictable() -> Callable[[int], bytes]:
    """Return sync markers that differ from file to file, the same in each run."""
    count = itertools.count(1)
    return lambda n: bytes((next(count) * 37 + 91 * k) % 256 for k in range(n))


def opened(
    disk: Disk | None = None,
    directory: Path = DIRECTORY,
    *,
    segment_bytes_max: int = SEGMENT_BYTES_MAX,
    identity: Identity = IDENTITY,
) -> Opened:
    """Open a ledger that must not be refused."""
    outcome = Ledger.open(
        directory,
        identity,
        disk=disk,
        random_bytes=unpredictable(),
        index_seed=1,
        segment_bytes_max=segment_bytes_max,
    )
    assert isinstance(outcome, Opened), outcome
    return outcome


def append_batch(ledger: Ledger, index: IdIndex, batch: Sequence[Record]) -> None:
    outcome = fold(ledger.state, decoded(batch), index)
    ledger.append(outcome.rows, outcome.state, SCHEMAS)
    index.insert(outcome.additions, (outcome.state.next_offset, outcome.state.chain.value))


def append_all(ledger: Ledger, index: IdIndex, batches: Sequence[Sequence[Record]]) -> None:
    for batch in batches:
        append_batch(ledger, index, batch)


def states_after(batches: Sequence[Sequence[Record]]) -> list[LedgerState]:
    """Return the states before the first and after each batch."""
    state, index = LedgerState.empty(), IdIndex(1)
    states = [state]
    for batch in batches:
        outcome = fold(state, decoded(batch), index)
        index.insert(outcome.additions, (0, b""))
        state = outcome.state
        states.append(state)
    return states


def all_rows(ledger: Ledger) -> Rows:
    return ledger.view.read(-1, 1_000_000)


def assert_holds(outcome: Opened, batches: Sequence[Sequence[Record]]) -> None:
    """The ledger, its index and its readers say exactly what the batches amount to."""
    ledger = outcome.ledger
    state, index, rows = LedgerState.empty(), IdIndex(1), []
    for batch in batches:
        folded = fold(state, decoded(batch), index)
        index.insert(folded.additions, (0, b""))
        rows += plain(folded.rows)
        state = folded.state
    assert ledger.state == state
    assert plain(all_rows(ledger)) == rows
    assert ledger.view.chain_at(state.next_offset) == state.chain.value
    assert outcome.index.watermark == (state.next_offset, state.chain.value)
    assert len(outcome.index) == len(index)
    for row in rows:
        assert outcome.index.find(row.request_id) == index.find(row.request_id)
