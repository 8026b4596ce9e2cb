"""The decisions when a partition is assigned."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from consumer.core.recovery import (
    Absent,
    AnchorDiffers,
    AnchorGone,
    AnchorSame,
    Committed,
    Continue,
    Facts,
    Known,
    NoAnchor,
    Replay,
    Retry,
    Unreadable,
    check_replayed,
    compare_anchor,
    decide,
)
from tally.event.codes import COUNTED
from tally.ledger.format.identity import Identity, Refuse, check_identity, check_schemas
from tally.ledger.format.witness import NoWitness, Witness
from tally.ledger.state.chain import ChainState
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState
from tests_support.ledger.records import IDENTITY, Record, addition, decoded

CHAIN, OTHER = b"c" * 16, b"o" * 16
WITNESS = Witness(Counts(5, total=10), CHAIN, "topic-id", 1, "")
LEDGER = LedgerState(100, Counts(90, total=10), ChainState.empty(), 0)


def facts(committed: Committed, **changes: object) -> Facts:
    usual = Facts(
        directory="data/ledger/t-3",
        ledger=LEDGER,
        committed=committed,
        chain_at_committed=CHAIN,
        log_start=0,
        log_end=500,
        anchor=AnchorSame(),
        topic_id="topic-id",
        fold_version=1,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def refused(decision: object, word: str) -> bool:
    return isinstance(decision, Refuse) and word in decision.reason and len(decision.cure) > 20


def test_a_commit_that_the_ledger_has_and_agrees_with_goes_on() -> None:
    """Counting continues at the commit when the ledger reaches it and has the chain of its witness there."""
    assert decide(facts(Known(100, WITNESS))) == Continue(100)
    assert decide(facts(Known(60, WITNESS))) == Continue(100)


def test_a_witness_that_disagrees_at_or_below_the_ledgers_end_refuses() -> None:
    """A witness with another chain than the ledger's, at its end or below, refuses the partition."""
    for offset in (60, 100):
        assert refused(decide(facts(Known(offset, WITNESS), chain_at_committed=OTHER)), "differ")


def test_a_commit_beyond_the_ledger_is_replayed_up_to_its_witness() -> None:
    """A ledger that ends before the commit, or is empty, is filled from the topic up to the commit's witness."""
    assert decide(facts(Known(300, WITNESS), chain_at_committed=None)) == Replay(100, 300, WITNESS)
    empty = facts(Known(300, WITNESS), chain_at_committed=None, ledger=LedgerState.empty(), anchor=NoAnchor())
    assert decide(empty) == Replay(0, 300, WITNESS)


def test_a_replay_must_end_with_the_witnesss_chain() -> None:
    """A replay that ends with another chain than the witness's is refused; without a witness any chain is accepted."""
    replay = Replay(100, 300, WITNESS)
    assert check_replayed(CHAIN, replay, "d") == Continue(300)
    assert refused(check_replayed(OTHER, replay, "d"), OTHER.hex())
    assert check_replayed(OTHER, Replay(100, 300, None), "d") == Continue(300)


def test_without_a_commit_the_ledger_rules_with_a_warning() -> None:
    """Without a commit, counting continues at the ledger's end with a warning, or at 0 when the ledger is empty."""
    decision = decide(facts(Absent()))
    assert isinstance(decision, Continue)
    assert decision.next_offset == 100
    assert decision.notes
    assert decide(facts(Absent(), ledger=LedgerState.empty(), anchor=NoAnchor())) == Continue(0)


def test_a_commit_that_cannot_be_read_is_not_an_absent_one() -> None:
    """A commit that cannot be read is asked for again, and is never taken for no commit."""
    assert isinstance(decide(facts(Unreadable("timed out"))), Retry)


def test_a_commit_without_a_witness_goes_on_with_a_warning() -> None:
    """A commit without a witness is followed with a warning, and a replay up to it expects no chain."""
    below, beyond = (decide(facts(Known(offset, NoWitness("none")), chain_at_committed=None)) for offset in (60, 300))
    assert isinstance(below, Continue)
    assert below.notes
    assert isinstance(beyond, Replay)
    assert (beyond.until, beyond.expected) == (300, None)
    assert beyond.notes


def test_records_deleted_beyond_the_ledger_refuse() -> None:
    """A log that starts after the ledger's next offset lacks records, so the partition is refused."""
    assert refused(decide(facts(Absent(), log_start=101)), "deleted")
    assert isinstance(decide(facts(Absent(), log_start=100)), Continue)


def test_a_log_that_ends_before_the_ledger_refuses() -> None:
    """A log that ends before the ledger's next offset has lost its tail, so the partition is refused."""
    assert refused(decide(facts(Absent(), log_end=99)), "lost its tail")
    assert isinstance(decide(facts(Absent(), log_end=100)), Continue)


def test_a_log_that_ends_before_the_commit_refuses() -> None:
    """A log that ends before the committed offset has lost its tail, so the partition is refused."""
    assert refused(decide(facts(Known(501, WITNESS), chain_at_committed=None)), "lost its tail")


@pytest.mark.parametrize("anchor", [AnchorDiffers("digest"), AnchorGone()])
def test_another_or_no_record_at_the_ledgers_last_row_refuses(anchor: AnchorDiffers | AnchorGone) -> None:
    """When the log has another record at the ledger's last offset, or none, the partition is refused by that offset."""
    assert refused(decide(facts(Known(100, WITNESS), anchor=anchor)), "99")


def test_a_last_record_that_was_deleted_with_the_logs_head_does_not_refuse() -> None:
    """A last record that retention has deleted is no reason to refuse, as long as the log starts right behind it."""
    assert decide(facts(Known(100, WITNESS), anchor=AnchorGone(), log_start=100)) == Continue(100)
    replayed = decide(facts(Known(300, WITNESS), chain_at_committed=None, anchor=AnchorGone(), log_start=100))
    assert replayed == Replay(100, 300, WITNESS)
    assert refused(decide(facts(Known(100, WITNESS), anchor=AnchorGone(), log_start=99)), "no record")


def test_a_commit_of_another_topic_or_fold_version_refuses() -> None:
    """A witness of another topic, or of another fold version, refuses the partition with that reason."""
    assert refused(decide(facts(Known(100, replace(WITNESS, topic_id="old")))), "made again")
    assert refused(decide(facts(Known(300, replace(WITNESS, fold_version=2)), chain_at_committed=None)), "fold version")


@pytest.mark.parametrize("field", list(Identity.__dataclass_fields__))
def test_each_part_of_the_identity_is_compared_and_named(field: str) -> None:
    """A ledger that differs in any part of its identity is refused, and the message names the part and a whole cure."""
    changed: Any = "other" if isinstance(getattr(IDENTITY, field), str) else 99
    other = replace(IDENTITY, **{field: changed})
    refusal = check_identity(IDENTITY, other, "data/ledger/t-3")
    assert refused(refusal, field.replace("_", " "))
    assert "{" not in refusal.cure  # type: ignore[union-attr]
    assert check_identity(IDENTITY, IDENTITY, "d") is None


def test_a_schema_id_that_now_means_something_else_refuses() -> None:
    """A schema id that the ledger pinned and that now has another fingerprint or none refuses by its number."""
    assert refused(check_schemas({7: "a", 8: "b"}, {7: "a", 8: "x"}, "d"), "schema id 8")
    assert refused(check_schemas({7: "a"}, {7: None}, "d"), "schema id 7 is unknown to the registry")
    assert check_schemas({7: "a"}, {7: "a", 9: "new"}, "d") is None


def test_the_anchor_is_compared_by_every_value_that_the_topic_gives() -> None:
    """The ledger's last row matches its record only with equal id, operands and time, or as poison with its digest."""
    good, junk = addition(5, 1), Record(5, 9, b"k", b"junk")
    ledger_row = decoded([good]).rows
    ledger_row["kind"] = COUNTED
    assert compare_anchor(ledger_row, decoded([good]).rows) == AnchorSame()
    assert compare_anchor(ledger_row, None) == AnchorGone()
    assert compare_anchor(ledger_row, np.empty(0, ledger_row.dtype)) == AnchorGone()
    for other in (addition(5, 2), addition(5, 1, a=9), addition(5, 1, timestamp_ms=1), junk):
        assert isinstance(compare_anchor(ledger_row, decoded([other]).rows), AnchorDiffers)
    poisoned = decoded([junk]).rows
    assert compare_anchor(poisoned, decoded([junk], {5: int(poisoned["reason"][0])}).rows) == AnchorSame()
    longer = Record(5, 9, b"k", b"junk.")
    assert compare_anchor(poisoned, decoded([longer]).rows) == AnchorDiffers("digest")
