"""A block read back, against the state before it: nothing is believed that can be computed."""

import numpy as np

from tally.event.codes import KIND_NAMES, NONE, POISON
from tally.event.digest import operands
from tally.event.int128 import adds_up, halves, in_range
from tally.event.rows import Mask, Rows
from tally.ledger.format.block import Block
from tally.ledger.format.mark import figures_in, mark_of
from tally.ledger.state.fold import LedgerState

_ZERO_IN_POISON = ("request_id", "a", "b", "sum")


def check_block(state: LedgerState, block: Block) -> LedgerState | str:
    """Return the state after a block, or what is wrong with it as a clause.

    Checked are offsets, sums, ranges, digests, reasons, and every value of the MARK: counts, total, chain.
    Whether a row's kind is right needs the ids of all history; ``tally.ledger.verify`` checks that.
    """
    wrong = wrong_offsets(state.next_offset, block.rows) or wrong_values(block.rows)
    if wrong is not None:
        return wrong
    after = state.advance(block.rows)
    stated_all = figures_in(block.mark)
    for name, computed in figures_in(mark_of(after)).items():
        stated = stated_all[name]
        if stated != computed:
            return f"its MARK says {name} {_shown(stated)}, the rows give {_shown(computed)}"
    return after


def wrong_offsets(next_offset: int, rows: Rows) -> str | None:
    """Tell whether offsets do not strictly increase from next_offset."""
    if len(rows) == 0:
        return "it has no rows"
    offsets = rows["offset"]
    if offsets[0] < next_offset:
        return f"its first offset {offsets[0]} is below {next_offset}"
    if not (offsets[1:] > offsets[:-1]).all():
        return f"its offsets do not increase after {offsets[int(np.argmin(offsets[1:] > offsets[:-1]))]}"
    return None


def wrong_values(rows: Rows) -> str | None:
    """Name the first row that no fold can have made."""
    a, b, total = halves(rows["a"]), halves(rows["b"]), halves(rows["sum"])
    poison = rows["kind"] == POISON
    checks: tuple[tuple[Mask, str], ...] = (
        ((rows["reason"] != NONE) == poison, "has a reason that does not go with its kind"),
        (adds_up(a, b, total), "has a sum that is not a + b"),
        (in_range(a) & in_range(b) & in_range(total), "has a value of more than 38 digits"),
        (poison | (rows["digest"] == operands(a, b)).all(axis=1), "has a digest that is not its operands'"),
    )
    if poison.any():
        blank = np.logical_and.reduce([(rows[name] == 0).all(axis=1) for name in _ZERO_IN_POISON])
        checks += ((~poison | blank, "is poison but not blank"),)
    for right, what in checks:
        if not right.all():
            row = rows[int(np.argmin(right))]
            return f"its {KIND_NAMES[row['kind']]} row at offset {row['offset']} {what}"
    return None


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
