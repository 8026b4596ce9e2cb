"""The invariants I1 to I12 as far as they can be checked from outside, each by functions of its own.

A check takes the facts, and the truth as computed from the topic, and yields sentences, each of which names the first
id or offset that violates the invariant. ``CHECKS`` lists the checks by the names of docs/DESIGN.md.
"""

from collections.abc import Callable, Iterator, Mapping

from oracle.calls import (
    i1_acknowledged_is_counted_once,
    i1_answers_are_true,
    i11_refused_never_appears,
    i12_calls_settle,
)
from oracle.facts import Facts
from oracle.ledgers import (
    i2_counts_are_true,
    i2_each_id_once,
    i3_nothing_aborted,
    i4_committed_is_in_a_ledger,
    i5_nothing_skipped,
    i6_chains_are_true,
    i6_ledgers_are_prefixes,
    i7_never_shorter,
    i8_no_gap_inside,
)
from oracle.letters import i10_poison_has_one_genuine_letter, letters_are_genuine
from oracle.outside import (
    i9_commits_go_forward,
    rest_tells_the_truth,
    witness_tells_the_fold,
)
from oracle.truth import Truth

Check = Callable[[Facts, Truth], Iterator[str]]


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "I1": (i1_acknowledged_is_counted_once, i1_answers_are_true),
    "I2": (i2_each_id_once, i2_counts_are_true),
    "I3": (i3_nothing_aborted,),
    "I4": (i4_committed_is_in_a_ledger,),
    "I5": (i5_nothing_skipped,),
    "I6": (i6_ledgers_are_prefixes, i6_chains_are_true),
    "I7": (i7_never_shorter,),
    "I8": (i8_no_gap_inside,),
    "I9": (i9_commits_go_forward,),
    "I10": (i10_poison_has_one_genuine_letter,),
    "I11": (i11_refused_never_appears,),
    "I12": (i12_calls_settle,),
    "LETTERS": (letters_are_genuine,),
    "WITNESS": (witness_tells_the_fold,),
    "REST": (rest_tells_the_truth,),
}

PROMISES: Mapping[str, str] = {
    "AT REST": "everything committed was counted, and committed by the group, before the comparison",
    "I1": "an id acknowledged OK is counted exactly once, with its first committed operands",
    "I2": "each id is counted at most once; counts and totals are those of the topic",
    "I3": "nothing of an aborted transaction is in a ledger",
    "I4": "what the group committed is in a ledger",
    "I5": "offsets strictly increase; no committed record is skipped",
    "I6": "ledgers of one partition are prefixes of one another; chains are true",
    "I7": "what REST had shown is in a ledger",
    "I8": "blocks and segments join, and their CRCs hold",
    "I9": "the committed offset never goes back",
    "I10": "each poison offset has exactly one genuine dead letter",
    "I11": "an id that was only ever answered not-committed never appears",
    "I12": "calls settle by their deadline",
    "LETTERS": "nobody else wrote to the dead-letter topic: each letter is about poison, with its reason and its bytes",
    "WITNESS": "the metadata of each commit matches the fold up to it",
    "REST": "every replica gives the total over all partitions",
}
"""What each name promises, in the order of the report."""
