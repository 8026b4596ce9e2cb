"""Checks of what callers were answered: I1, I11, I12."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from oracle.decoding import plus
from oracle.facts import COUNTED, Facts, Ledger, Row
from oracle.history import Call, Outcome
from oracle.naming import number, text
from oracle.truth import Truth

SETTLE_GRACE_S = 5.0
"""How long after its deadline a call may return, on a machine that is busy killing processes."""


def i1_acknowledged_is_counted_once(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find acknowledged ids that are not counted exactly once with their first committed operands."""
    rows = _counted_rows(facts)
    for request_id, calls in _calls_by_id(facts).items():
        answers = [call for call in calls if call.outcome is Outcome.OK]
        if not answers:
            continue
        first = truth.first.get(request_id)
        if first is None:
            yield f"{text(request_id)} was acknowledged and is not in the topic"
            return
        operands = {(number(call.a), number(call.b)) for call in calls}
        if len(operands) == 1 and operands != {(first.a, first.b)}:
            yield f"{text(request_id)} was sent with {calls[0].a} + {calls[0].b} and counted as {first.a} + {first.b}"
            return
        seen = rows.get(request_id, [])
        if len(seen) != 1 or (seen[0].a, seen[0].b, seen[0].sum) != (first.a, first.b, first.sum):
            what = [f"{row.a} + {row.b} = {row.sum} at {row.offset}" for row in seen] or "nothing"
            yield f"{text(request_id)} was acknowledged; its ledger counts {what} instead of {first.a} + {first.b} once"
            return


def i1_answers_are_true(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find OK answers whose sum or position is wrong."""
    for call in facts.calls:
        if call.outcome is not Outcome.OK:
            continue
        if Decimal(call.sum) != plus(Decimal(call.a), Decimal(call.b)):
            yield f"{call.request_id} was answered {call.a} + {call.b} = {call.sum}"
            return
        at = truth.ids_at.get((call.partition, call.offset))
        if at != uuid.UUID(call.request_id).bytes:
            yield (
                f"{call.request_id} was answered with partition {call.partition} offset {call.offset}, "
                f"where the topic has {text(at) if at else 'no addition'}"
            )
            return


def i11_refused_never_appears(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find ids that are in the topic although every attempt was answered "not committed"."""
    for request_id, calls in _calls_by_id(facts).items():
        if all(call.outcome is Outcome.FAIL for call in calls) and request_id in truth.first:
            first = truth.first[request_id]
            yield (
                f"{text(request_id)} was only ever refused ({calls[0].status}) and is in "
                f"partition {first.partition} at offset {first.offset}"
            )
            return


def i12_calls_settle(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find calls that were answered long after their deadline."""
    for call in facts.calls:
        took_s = call.ended_s - call.started_s
        if call.deadline_s is not None and took_s > call.deadline_s + SETTLE_GRACE_S:
            yield f"{call.request_id} had a deadline of {call.deadline_s} s and settled after {took_s:.1f} s"
            return


def _calls_by_id(facts: Facts) -> dict[bytes, list[Call]]:
    """Return the attempts for each id. Those whose id is not a UUID are left out: they cannot be in a topic."""
    by_id: dict[bytes, list[Call]] = defaultdict(list)
    for call in facts.calls:
        try:
            by_id[uuid.UUID(call.request_id).bytes].append(call)
        except ValueError:
            continue
    return by_id


def _counted_rows(facts: Facts) -> dict[bytes, list[Row]]:
    """Return the COUNTED rows of each id, from the longest ledger of each partition."""
    longest: dict[int, Ledger] = {}
    for ledger in facts.ledgers:
        if ledger.partition not in longest or len(ledger.rows) > len(longest[ledger.partition].rows):
            longest[ledger.partition] = ledger
    rows: dict[bytes, list[Row]] = defaultdict(list)
    for ledger in longest.values():
        for row in ledger.rows:
            if row.kind == COUNTED:
                rows[row.request_id].append(row)
    return rows
