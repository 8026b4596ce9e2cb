"""When an attempt is repeated and after how long: pure decisions, the shell waits and sends.

A repetition carries the same request id and operands, so it is always safe; which statuses are worth one is the
table ``RETRIED``. Everything is bounded: by the deadline, by the number of attempts, and each pause by the cap.
A service at whose address nobody was ever found is given less time: the address is more likely wrong.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final

from tally.client.outcomes import FieldViolation

RETRIED: Final[frozenset[str]] = frozenset(
    {
        "RESOURCE_EXHAUSTED",  # the service's queue is full: refused before the queue, RetryInfo says when
        "ABORTED",  # not committed, the service could not try again within the deadline of the call
        "UNAVAILABLE",  # nobody there, or the outcome of a commit is unknown
        "DEADLINE_EXCEEDED",  # outcome unknown; a repetition joins the attempt that is still under way
        "CANCELLED",  # by a service that stops; by the caller it never comes back as an answer
        "INTERNAL",  # a broken connection shows as one, too
        "UNKNOWN",
    }
)
"""Names of the gRPC statuses that are not final. Any other answer would only come again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt's answer other than OK.

    ``retry_after_s`` is the service's wish (google.rpc.RetryInfo). ``not_committed`` is true when the answer proves
    that this attempt committed nothing. ``unsent``: there was no connection, so nothing was sent; that proves it, too.
    """

    status: str
    reason: str
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s: float = 0.0
    not_committed: bool = False
    unsent: bool = False

    def __post_init__(self) -> None:
        assert self.not_committed or not self.unsent, "what was not sent was not committed"

    @property
    def final(self) -> bool:
        """Tell whether a repetition would only get the same answer."""
        return self.status not in RETRIED


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often. The defaults outlast the restart of a service and keep a lost answer to one deadline."""

    deadline_s: float = 60.0
    attempt_timeout_s: float = 15.0  # the service honours up to 60 s; a hung connection costs one of these
    attempts_max: int = 500
    backoff_base_s: float = 0.05
    backoff_cap_s: float = 2.0
    first_contact_s: float = 2.0
    """How long an address is tried at which this client never found anybody; ``deadline_s`` is for a service that went
    away."""

    def __post_init__(self) -> None:
        for name in ("deadline_s", "attempt_timeout_s", "backoff_base_s", "backoff_cap_s", "first_contact_s"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be a number of seconds above 0")
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max is {self.attempts_max}; it must be at least 1")
        if self.backoff_base_s > self.backoff_cap_s:
            raise ValueError(
                f"backoff_base_s is {self.backoff_base_s}; it must be at most backoff_cap_s, {self.backoff_cap_s}"
            )


def pause_s(policy: RetryPolicy, attempt: int, retry_after_s: float, random01: float) -> float:
    """Return the pause after this attempt (counted from 1): exponential with full jitter, after the service's wish.

    ``random01`` is a random number in [0, 1).
    """
    # 2**30 times any base is past every cap; a larger exponent would only overflow.
    ceiling_s = min(policy.backoff_cap_s, policy.backoff_base_s * 2.0 ** min(attempt - 1, 30))
    return retry_after_s + random01 * ceiling_s


def gives_up(
    policy: RetryPolicy, attempt: int, elapsed_s: float, planned_pause_s: float, *, contacted: bool = True
) -> bool:
    """Tell whether no further attempt fits. ``contacted``: whether anybody was ever found at the address."""
    limit_s = policy.deadline_s if contacted else min(policy.first_contact_s, policy.deadline_s)
    return attempt >= policy.attempts_max or elapsed_s + planned_pause_s >= limit_s
