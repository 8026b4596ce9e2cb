"""Sending a batch until each addition has its outcome: the retry loop, over any transport, clock and randomness."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tally.client.outcomes import Addition, Committed, Outcome, Refused, Unknown
from tally.client.retry import Failure, RetryPolicy, gives_up, pause_s

Reply = Committed | Failure

JUDGES_THE_REQUEST: Final = frozenset({"INVALID_ARGUMENT", "OUT_OF_RANGE"})
"""Statuses that depend on nothing but the request: whatever an earlier attempt met, it committed nothing either."""


class Transport(Protocol):
    """One attempt. Never raises for what the service or the network answers.

    ``contacted``: whether anybody was ever found at the address, however it went on.
    """

    contacted: bool

    async def send(self, additions: Sequence[Addition], timeout_s: float) -> Sequence[Reply]:
        """Return the reply to each addition, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Retry:
    """What an observer learns before a pause."""

    attempt: int
    additions: int
    failure: Failure
    pause_s: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an observer learns after each attempt: what was sent, and the reply to each, in their order."""

    additions: Sequence[Addition]
    replies: Sequence[Reply]
    started_s: float
    ended_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Environment:
    """What is not a decision: time, chance, and who looks on. Tests put their own here."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random01: Callable[[], float] = random.random
    on_retry: Callable[[Retry], None] = lambda _: None
    on_attempt: Callable[[Attempt], None] | None = None


class Work(Protocol):
    """Additions that are under way, and the outcomes that they have so far."""

    async def attempt(self, number: int, timeout_s: float) -> Sequence[Failure]:
        """Send everything that has no final answer once; return the failures of what has none after that."""
        ...

    def give_up(self, attempts: int) -> None:
        """Give everything without a final answer an outcome after so many attempts."""
        ...


class _Unsettled:
    """The additions of one batch that have no outcome yet, and which of them an earlier attempt may have committed."""

    def __init__(self, additions: Sequence[Addition], transport: Transport, environment: Environment) -> None:
        self._transport = transport
        self._environment = environment
        self._additions = additions
        self._outcomes: list[Outcome | None] = [None] * len(additions)
        self._doubtful: set[int] = set()
        self._failures: dict[int, Failure] = {}
        self._pending = list(range(len(additions)))

    async def attempt(self, number: int, timeout_s: float) -> list[Failure]:
        """See Work."""
        sent, sent_s = [self._additions[i] for i in self._pending], self._environment.clock()
        replies = await self._transport.send(sent, timeout_s)
        if self._environment.on_attempt is not None:
            self._environment.on_attempt(Attempt(sent, replies, sent_s, self._environment.clock(), timeout_s))
        return self._take(replies, number)

    def _take(self, replies: Sequence[Reply], attempt: int) -> list[Failure]:
        """Settle what has a final answer. Returns the failures of the rest."""
        assert len(replies) == len(self._pending), "a transport answers each addition"
        self._failures = {}
        for i, reply in zip(self._pending, replies, strict=True):
            if isinstance(reply, Committed):
                self._outcomes[i] = reply
            elif not reply.final:
                self._failures[i] = reply
                if not reply.not_committed:
                    self._doubtful.add(i)
            elif i in self._doubtful and reply.status not in JUDGES_THE_REQUEST:
                self._outcomes[i] = self._unknown(i, reply, attempt)
            else:
                self._outcomes[i] = Refused(self._additions[i].request_id, reply.status, reply.reason, reply.violations)
        self._pending = list(self._failures)
        return list(self._failures.values())

    def give_up(self, attempts: int) -> None:
        """See Work."""
        for i, failure in self._failures.items():
            self._outcomes[i] = self._unknown(i, failure, attempts)
        self._pending = []

    def outcomes(self) -> list[Outcome]:
        settled = [outcome for outcome in self._outcomes if outcome is not None]
        assert len(settled) == len(self._additions), "every addition has an outcome at the end"
        return settled

    def _unknown(self, i: int, failure: Failure, attempt: int) -> Unknown:
        request_id = self._additions[i].request_id
        return Unknown(request_id, failure.status, failure.reason, attempt, possibly_committed=i in self._doubtful)


async def settle(
    transport: Transport, additions: Sequence[Addition], policy: RetryPolicy, environment: Environment
) -> list[Outcome]:
    """Return the outcome of each addition, in their order, about the policy's deadline from now at the latest.

    Only additions without a final answer are sent again, each under its own request id.
    """
    unsettled = _Unsettled(additions, transport, environment)
    await repeat(unsettled, lambda: transport.contacted, policy, environment)
    return unsettled.outcomes()


async def repeat(work: Work, contacted: Callable[[], bool], policy: RetryPolicy, environment: Environment) -> None:
    """Make attempts until everything has an outcome, about the policy's deadline from now at the latest."""
    started = environment.clock()
    for attempt in range(1, policy.attempts_max + 1):
        # 1. one attempt with everything that has no final answer; final answers become outcomes
        left_s = policy.deadline_s - (environment.clock() - started)
        failures = await work.attempt(attempt, max(min(policy.attempt_timeout_s, left_s), 0.001))
        if not failures:
            return
        # 2. pause, or give up
        slowest = max(failures, key=lambda failure: failure.retry_after_s)
        planned_s = pause_s(policy, attempt, slowest.retry_after_s, environment.random01())
        elapsed_s = environment.clock() - started
        if gives_up(policy, attempt, elapsed_s, planned_s, contacted=contacted()):
            work.give_up(attempt)
            return
        environment.on_retry(Retry(attempt, len(failures), slowest, planned_s))
        await environment.sleep(planned_s)
