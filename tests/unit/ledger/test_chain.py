"""The chain, against its definition written out."""

import hashlib
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tally.event.rows import Rows, no_rows
from tally.ledger.state.chain import ChainState
from tally.ledger.state.fold import LedgerState
from tally.ledger.state.id_index import IdIndex
from tests_support.ledger.records import Record, folded
from tests_support.ledger.strategies import topics


def canonical(row: np.void) -> bytes:
    fixed = b"".join(row[name].tobytes() for name in ("request_id", "a", "b", "sum", "digest"))
    return struct.pack(">BBqq", row["kind"], row["reason"], row["offset"], row["timestamp_us"]) + fixed


def definition(rows: Rows, offset: int) -> bytes:
    """C(k) over windows of 1024 offsets, and the open window at last."""

    def window(first: int, stop: int) -> bytes:
        return b"".join(canonical(row) for row in rows if first <= row["offset"] < stop)

    closed = bytes(16)
    for k in range(offset // 1024):
        closed = hashlib.blake2b(closed + window(1024 * k, 1024 * (k + 1)), digest_size=16).digest()
    if offset % 1024 == 0:
        return closed
    return hashlib.blake2b(closed + window(offset // 1024 * 1024, offset), digest_size=16).digest()


def rows_of(records: list[Record]) -> Rows:
    return folded(LedgerState.empty(), IdIndex(), records).rows


@given(topics(max_size=12), st.data())
def test_the_chain_is_its_definition_wherever_the_rows_are_cut(records: list[Record], data: st.DataObject) -> None:
    """However rows are cut into steps, the chain at each offset is that of the definition written out in this file."""
    rows = rows_of(records)
    state, at = ChainState.empty(), 0
    while at < len(rows):
        step = data.draw(st.integers(1, len(rows) - at))
        state, at = state.advance(rows[at : at + step]), at + step
        assert state.value == definition(rows, state.next_offset)
    beyond = data.draw(st.integers(0, 5000))
    assert state.value_at(state.next_offset + beyond) == definition(rows, state.next_offset + beyond)


def test_a_chain_goes_on_from_the_start_of_any_window() -> None:
    """A chain that resumes at the start of a window ends as the one over all rows."""
    rows = no_rows(5000)
    rows["offset"] = np.arange(5000)
    whole = ChainState.empty().advance(rows)
    middle = ChainState.empty().advance(rows[:2500])
    resumed = ChainState.at_window(2, middle.closed).advance(rows[2048:])
    assert resumed == whole


def test_a_state_can_be_advanced_twice_from_the_same_place() -> None:
    """Advancing a chain leaves its state unchanged, so the same rows from the same state give the same chain."""
    rows = no_rows(3)
    rows["offset"] = (0, 1, 2)
    state = ChainState.empty().advance(rows[:1])
    assert state.advance(rows[1:]) == state.advance(rows[1:])
    assert state.value == ChainState.empty().advance(rows[:1]).value


@given(st.integers(8, 97), st.integers(0, 2))
def test_any_changed_byte_of_a_row_changes_the_chain(byte: int, row: int) -> None:
    """One changed byte in any row gives another chain; an offset is left out here, as it must keep its order."""
    rows = no_rows(3)
    rows["offset"] = (0, 1023, 1500)
    changed = rows.copy()
    changed.view(np.uint8).reshape(3, -1)[row, byte] ^= 1
    assert ChainState.empty().advance(rows).value != ChainState.empty().advance(changed).value
