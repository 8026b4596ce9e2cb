"""The fold, against the naive reference."""

from hypothesis import given

from tally.event.codes import CONFLICT, COUNTED, DUPLICATE, POISON
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import FOLD_VERSION, LedgerState, fold
from tally.ledger.state.id_index import IdIndex
from tests_support.ledger.records import Record, addition, decoded, folded, plain, reference
from tests_support.ledger.strategies import batched


@given(batched())
def test_rows_and_state_are_those_of_the_reference_however_batches_are_cut(batches: list[list[Record]]) -> None:
    """Any records in any batches fold to the rows, counts, total and next offset of the naive reference."""
    state, index = LedgerState.empty(), IdIndex(5)
    rows = []
    for batch in batches:
        outcome = folded(state, index, batch)
        rows += plain(outcome.rows)
        state = outcome.state
    expected = reference([record for batch in batches for record in batch])
    assert rows == expected
    kinds = [row.kind for row in expected]
    total = sum(row.sum for row in expected if row.kind == COUNTED)
    counted, duplicates, conflicts, poison = (kinds.count(kind) for kind in (COUNTED, DUPLICATE, CONFLICT, POISON))
    assert state.counts == Counts(counted, duplicates, conflicts, poison, total)
    if expected:
        assert state.next_offset == expected[-1].offset + 1
        assert state.last_timestamp_us == expected[-1].timestamp_us


@given(batched())
def test_equal_records_give_an_equal_state_and_chain_however_batches_are_cut(batches: list[list[Record]]) -> None:
    """The same records give the same state and chain in any batches and with any seed of the index."""
    state, index = LedgerState.empty(), IdIndex(1)
    for batch in batches:
        state = folded(state, index, batch).state
    whole = folded(LedgerState.empty(), IdIndex(2), [record for batch in batches for record in batch]).state
    assert state == whole


def test_the_first_operands_of_an_id_win_within_one_batch() -> None:
    """Within a batch the first record of an id counts, an equal one is a duplicate, and a different one a conflict."""
    batch = [addition(0, 1, 1, 1), addition(1, 1, 2, 2), addition(2, 1, 1, 1), addition(3, 2), addition(4, 1, 2, 2)]
    outcome = fold(LedgerState.empty(), decoded(batch), IdIndex())
    assert outcome.rows["kind"].tolist() == [COUNTED, CONFLICT, DUPLICATE, COUNTED, CONFLICT]
    assert outcome.state.counts.total == 2 + 3
    assert outcome.additions.offsets.tolist() == [0, 3]


def test_records_that_the_ledger_has_are_dropped() -> None:
    """Records below the ledger's next offset get no second row, and those behind them are counted."""
    index = IdIndex()
    first = folded(LedgerState.empty(), index, [addition(0, 0), addition(1, 1)])
    again = folded(first.state, index, [addition(0, 0), addition(1, 1), addition(2, 2)])
    assert again.rows["offset"].tolist() == [2]
    assert again.state.counts.counted == 3


def test_a_batch_of_known_records_leaves_the_state_as_it_is() -> None:
    """A batch that the ledger already has in full gives no rows and leaves the state unchanged."""
    index = IdIndex()
    state = folded(LedgerState.empty(), index, [addition(0, 0)]).state
    outcome = folded(state, index, [addition(0, 0)])
    assert len(outcome.rows) == 0
    assert outcome.state == state


def test_folding_changes_neither_index_nor_batch_until_the_additions_are_inserted() -> None:
    """A fold leaves index and batch as they were, so a failed append can be repeated."""
    index, batch = IdIndex(), decoded([addition(0, 0)])
    assert plain(fold(LedgerState.empty(), batch, index).rows) == plain(fold(LedgerState.empty(), batch, index).rows)
    assert len(index) == 0


def test_the_folds_version_is_pinned() -> None:
    """Rows, reasons, digests and chain of three records are as recorded; to change them means to raise FOLD_VERSION."""
    outcome = folded(LedgerState.empty(), IdIndex(), [addition(0, 0), Record(1, 5, None, b"junk"), addition(2, 0)])
    assert FOLD_VERSION == 1
    assert outcome.state.chain.value.hex() == "39176edceea8fadad17904cf87aa3ff1"
