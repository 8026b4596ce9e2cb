"""Refusals: why an addition was not answered OK, and what is known of its outcome.

Every refusal that a caller can see is made here, so that docs/API.md and a test can list them. A server turns a
refusal into its protocol's status: the code is gRPC's number, `reason` and `outcome` go into google.rpc.ErrorInfo.
"""

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from tally.generated.rules import Violation

_RETRY_SOON_S = 0.5
"""Long enough for a few commits of a lane, short enough that a full queue is soon used again."""
_RETRY_LATER_S = 2.0
"""About as long as a lane needs to get a new instance."""


class Code(IntEnum):
    """The gRPC codes that Tally answers with."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    ALREADY_EXISTS = 6
    RESOURCE_EXHAUSTED = 8
    ABORTED = 10
    OUT_OF_RANGE = 11
    INTERNAL = 13
    UNAVAILABLE = 14


class Outcome(StrEnum):
    """What is known of the addition with the operands of this call."""

    NOT_COMMITTED = "not-committed"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """The machine-readable reason in ErrorInfo; docs/API.md tells what to do about each."""

    INVALID_FIELD = "INVALID_FIELD"
    UNREADABLE_REQUEST = "UNREADABLE_REQUEST"
    BATCH_TOO_LARGE = "BATCH_TOO_LARGE"
    SUM_OUT_OF_RANGE = "SUM_OUT_OF_RANGE"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    QUEUE_FULL = "QUEUE_FULL"
    TRANSACTION_ABORTED = "TRANSACTION_ABORTED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    COMMIT_UNRESOLVED = "COMMIT_UNRESOLVED"
    FENCED = "FENCED"
    NOT_READY = "NOT_READY"
    STOPPING = "STOPPING"
    INTERNAL = "INTERNAL"


# A Struct, not a dataclass: C makes it in a fifth of the time.
class Refusal(msgspec.Struct, frozen=True):
    """A typed refusal. ``retry_after_s`` is set where the same call may succeed soon.

    A violation's rule is the contract's (``string.pattern``), or empty if there is none.
    """

    code: Code
    reason: Reason
    outcome: Outcome
    message: str
    violations: tuple[Violation, ...] = ()
    retry_after_s: float | None = None


def invalid_fields(violations: Sequence[Violation]) -> Refusal:
    """Refuse fields that break the contract's rules."""
    names = ", ".join([violation.field for violation in violations])
    return Refusal(
        Code.INVALID_ARGUMENT,
        Reason.INVALID_FIELD,
        Outcome.NOT_COMMITTED,
        f"invalid fields: {names}",
        tuple(violations),
    )


def no_message(why: str) -> Refusal:
    """Refuse a call without a request."""
    return _unreadable(f"a call needs one message: {why}")


def undecodable(kind: str, size_bytes: int) -> Refusal:
    """Refuse bytes that do not decode."""
    return _unreadable(f"the message of {size_bytes} bytes does not decode as {kind}")


def _unreadable(message: str) -> Refusal:
    return Refusal(Code.INVALID_ARGUMENT, Reason.UNREADABLE_REQUEST, Outcome.NOT_COMMITTED, message)


_BRIEF: Final = "details are left out"
"""The message of a refusal that stands for many of its kind in one answer."""


def brief(refusal: Refusal) -> Refusal:
    """Return only what a caller decides by: code, reason and outcome."""
    return Refusal(refusal.code, refusal.reason, refusal.outcome, _BRIEF)


def batch_too_large(additions_max: int, field: str = "additions", rule_id: str = "repeated.max_items") -> Refusal:
    """Refuse a batch, or columns, of more additions than the limit."""
    text = f"there are more than {additions_max} additions, the limit of a call; send them in several calls"
    violation = Violation(field, rule_id, text)
    return Refusal(Code.INVALID_ARGUMENT, Reason.BATCH_TOO_LARGE, Outcome.NOT_COMMITTED, text, (violation,))


def sum_out_of_range() -> Refusal:
    """Refuse a sum of more than 29 digits before the point."""
    text = "a + b has more than 29 digits before the point"
    return Refusal(
        Code.OUT_OF_RANGE,
        Reason.SUM_OUT_OF_RANGE,
        Outcome.NOT_COMMITTED,
        text,
        (Violation("a", "", text), Violation("b", "", text)),
    )


def reused_id() -> Refusal:
    """Refuse an id that was seen with other operands."""
    return Refusal(
        Code.ALREADY_EXISTS,
        Reason.REQUEST_ID_REUSED,
        Outcome.NOT_COMMITTED,
        "this request_id was already used with other operands; a new addition needs a new id",
    )


def queue_full(what: str) -> Refusal:
    """Refuse because too much already waits; ``what`` says which limit was reached."""
    return Refusal(
        Code.RESOURCE_EXHAUSTED,
        Reason.QUEUE_FULL,
        Outcome.NOT_COMMITTED,
        f"too much waits to be committed: {what}",
        retry_after_s=_RETRY_SOON_S,
    )


def aborted(cause: str) -> Refusal:
    """The transaction was aborted and too little of the caller's time is left for another."""
    return Refusal(
        Code.ABORTED,
        Reason.TRANSACTION_ABORTED,
        Outcome.NOT_COMMITTED,
        f"the Kafka transaction was aborted: {cause}",
        retry_after_s=_RETRY_SOON_S,
    )


def deadline_exceeded(outcome: Outcome) -> Refusal:
    """The call's deadline passed first."""
    return Refusal(
        Code.DEADLINE_EXCEEDED, Reason.DEADLINE_EXCEEDED, outcome, "the deadline passed before the outcome was known"
    )


def unresolved(cause: str) -> Refusal:
    """The commit may have happened, and reading the partitions back did not show it in time."""
    return Refusal(
        Code.UNAVAILABLE,
        Reason.COMMIT_UNRESOLVED,
        Outcome.UNKNOWN,
        f"it is not known whether the Kafka transaction was committed: {cause}",
        retry_after_s=_RETRY_LATER_S,
    )


def fenced() -> Refusal:
    """Another producer with the same transactional id took over before the commit was sent."""
    return Refusal(
        Code.UNAVAILABLE,
        Reason.FENCED,
        Outcome.NOT_COMMITTED,
        "another producer took over this one's transactional id; TALLY_PRODUCER_REPLICA must be unique",
        retry_after_s=_RETRY_LATER_S,
    )


def not_ready(why: str) -> Refusal:
    """The producer has not started yet, or cannot."""
    return Refusal(
        Code.UNAVAILABLE, Reason.NOT_READY, Outcome.NOT_COMMITTED, f"not ready: {why}", retry_after_s=_RETRY_LATER_S
    )


def stopping(outcome: Outcome) -> Refusal:
    """The producer is stopping; calls that are not committed by then are answered with this."""
    return Refusal(Code.UNAVAILABLE, Reason.STOPPING, outcome, "the producer is stopping", retry_after_s=_RETRY_LATER_S)


def internal() -> Refusal:
    """A defect, which is in the log."""
    return Refusal(
        Code.INTERNAL, Reason.INTERNAL, Outcome.UNKNOWN, "an internal error of the producer; its log has the details"
    )
