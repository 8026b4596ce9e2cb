"""Putting repaired dead letters back: what was done before, what the ledger has already, and sending the rest.

Each letter has one ``LetterResult``. READY (seen, not sent) -> SENT, REFUSED or UNKNOWN; the others are final at once.
"""

import enum
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from tally.cli.replaying.corrections import Prepared, Rejected
from tally.cli.replaying.dead_letters import PublishedLetter, Source
from tally.cli.replaying.genuine import Forged, Repeated
from tally.cli.replaying.journal import Replayed, ReplayJournal
from tally.client.outcomes import Addition, BatchAdder, Committed, Outcome, Position, Refused, Unknown


class Status(enum.StrEnum):
    """What became of a letter."""

    READY = "ready"
    SENT = "sent"
    REPLAYED = "replayed before"
    COUNTED = "counted already"
    REJECTED = "rejected"
    FORGED = "forged"
    REPEATED = "repeated"
    REFUSED = "refused"
    UNKNOWN = "unknown"


FAILED: Final = frozenset({Status.REJECTED, Status.REFUSED})
"""A person has to repair these. A forged letter is reported, but is no reason to fail: nobody can take it away."""


@dataclass(frozen=True, slots=True)
class LetterResult:
    """A letter and what became of it; ``why`` for a person."""

    letter: PublishedLetter
    status: Status
    addition: Addition | None = None
    sum: str | None = None
    position: Position | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the ledger has under an id."""

    a: str
    b: str
    position: Position


def look_up(
    outcome: Prepared,
    before: Mapping[Source, Replayed],
    ledger: Callable[[str], Counted | None],
) -> LetterResult:
    """Return what is known of a letter before anything is sent."""
    letter = outcome.letter
    if isinstance(outcome, Forged | Repeated):
        return _left_out(outcome)
    if letter.source in before:
        done = before[letter.source]
        return LetterResult(letter, Status.REPLAYED, done.addition, position=done.position)
    if isinstance(outcome, Rejected):
        return LetterResult(letter, Status.REJECTED, outcome.addition, why=outcome.why)
    addition = outcome.addition
    counted = ledger(addition.request_id)
    if counted is None:
        return LetterResult(letter, Status.READY, addition, outcome.sum)
    if (counted.a, counted.b) == (addition.a, addition.b):  # both are canonical texts
        return LetterResult(letter, Status.COUNTED, addition, outcome.sum, counted.position)
    why = f"its id is counted with {counted.a} + {counted.b}, which stays: a correction is an addition of its own"
    return LetterResult(letter, Status.REJECTED, addition, position=counted.position, why=why)


def _left_out(outcome: Forged | Repeated) -> LetterResult:
    if isinstance(outcome, Forged):
        return LetterResult(outcome.letter, Status.FORGED, why=outcome.why)
    return LetterResult(outcome.letter, Status.REPEATED, why="the record has an earlier letter")


async def send(
    results: list[LetterResult],
    client: BatchAdder,
    journal: ReplayJournal,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[LetterResult]:
    """Send what is READY and yield every letter, these last; note each one that is committed. Raises OSError."""
    ready = iter([one for one in results if one.status is Status.READY])
    additions = [one.addition for one in results if one.status is Status.READY and one.addition is not None]
    for one in results:
        if one.status is not Status.READY:
            yield one
    async for batch in client.add_batches(additions):
        settled = [_settled(next(ready), outcome) for _, outcome in batch]
        journal.add(
            Replayed(one.letter.source, one.addition, one.position, now())
            for one in settled
            if one.status is Status.SENT and one.addition is not None and one.position is not None
        )
        for one in settled:
            yield one


def _settled(result: LetterResult, outcome: Outcome) -> LetterResult:
    match outcome:
        case Committed():
            return replace(result, status=Status.SENT, position=outcome.position)
        case Refused():
            return replace(result, status=Status.REFUSED, why=f"{outcome.status}: {outcome.reason}")
        case Unknown():
            return replace(result, status=Status.UNKNOWN, why=f"{outcome.status}: {outcome.reason}")
