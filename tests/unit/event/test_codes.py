"""The codes in memory are those of the contract."""

from oracle import chain
from tally.event import codes
from tally.generated.avro.dead_letter import DeadLetterReason
from tally.generated.avro.entry import EntryKind, EntryReason
from tally.generated.avro.ledger_row import RowKind, RowReason


def test_kinds_are_the_contracts_symbols_in_order() -> None:
    """Names and codes of row kinds in memory are the symbols of the Avro contract, in its order."""
    assert tuple(kind.name for kind in RowKind) == codes.KIND_NAMES
    assert [getattr(codes, kind.name) for kind in RowKind] == [kind.code for kind in RowKind]


def test_reasons_are_the_contracts_symbols_in_order() -> None:
    """Names and codes of reasons in memory are the symbols of the Avro contract, in its order."""
    assert tuple(reason.name for reason in RowReason) == codes.REASON_NAMES
    assert [getattr(codes, reason.name) for reason in RowReason] == [reason.code for reason in RowReason]


def test_every_reason_of_a_row_but_none_is_one_of_a_dead_letter() -> None:
    """The reasons of a dead letter are those of a row without NONE, in the same order."""
    assert codes.REASON_NAMES[1:] == tuple(reason.name for reason in DeadLetterReason)


def test_an_entry_has_every_reason_of_a_row_and_every_kind_but_the_mark() -> None:
    """The kinds and reasons of an export's entries are those of a row, without MARK, in the same order."""
    assert (*(kind.name for kind in EntryKind), "MARK") == codes.KIND_NAMES
    assert tuple(reason.name for reason in EntryReason) == codes.REASON_NAMES


def test_the_oracles_own_reasons_are_the_contracts_symbols_in_order() -> None:
    """The reasons that the oracle has for itself, and hashes by their place, are the symbols of the Avro contract."""
    assert tuple(reason.name for reason in RowReason) == chain.REASONS
