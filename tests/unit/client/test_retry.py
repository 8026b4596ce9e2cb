"""When an attempt is repeated: the pure decisions, and the loop over a scripted transport and clock."""

from collections.abc import Sequence

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.client.outcomes import Addition, Committed, Position, Refused, Unknown
from tally.client.retry import RETRIED, Failure, RetryPolicy, gives_up, pause_s
from tally.client.sending import Environment, Reply, settle

PROBABILITY = st.floats(0, 1, exclude_max=True)
PLACE = Position("tally.sums.v1", 0, 0)
STATUSES = sorted(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK)


@given(st.integers(1, 10**6), PROBABILITY, st.floats(0, 100))
def test_a_pause_is_never_below_the_service_s_wish_nor_above_it_by_more_than_the_cap(attempt, random01, wish_s):
    """A pause lies between the delay that the service asked for and that delay plus the backoff's cap."""
    policy = RetryPolicy()
    assert wish_s <= pause_s(policy, attempt, wish_s, random01) <= wish_s + policy.backoff_cap_s


@given(st.integers(1, 60))
def test_the_longest_pause_doubles_until_the_cap(attempt: int):
    """The upper bound of the pause doubles with each attempt until it reaches the cap."""
    policy = RetryPolicy(backoff_base_s=0.1, backoff_cap_s=5)
    longest = pause_s(policy, attempt, 0, 1.0)
    assert longest == pytest.approx(min(5, 0.1 * 2 ** (attempt - 1)))


def test_every_status_that_is_retried_is_one_of_grpc_s():
    """The statuses that are retried are a proper part of gRPC's own, so that none is misspelt."""
    assert set(STATUSES) > RETRIED


@pytest.mark.parametrize(
    "wrong",
    [{"deadline_s": 0}, {"attempts_max": 0}, {"backoff_base_s": 3, "backoff_cap_s": 2}, {"attempt_timeout_s": -1}],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    """A retry policy with a non-positive bound, or with a cap below its base, raises ValueError."""
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**wrong)


def test_giving_up_is_bounded_by_attempts_and_by_the_deadline():
    """A call gives up after its last attempt, or when the next pause would end past its deadline."""
    policy = RetryPolicy(deadline_s=10, attempts_max=3)
    assert not gives_up(policy, 2, 5, 1)
    assert gives_up(policy, 3, 0, 0)
    assert gives_up(policy, 1, 9.5, 0.5)


class Scripted:
    """A transport that answers from a script, and the clock that its calls and pauses move."""

    def __init__(self, script: list[dict[str, str]], call_s: float = 0.0) -> None:
        self.script, self.call_s = script, call_s
        self.contacted = True
        self.now_s = 0.0
        self.sent: list[list[Addition]] = []
        self.timeouts_s: list[float] = []

    async def send(self, additions: Sequence[Addition], timeout_s: float) -> Sequence[Reply]:
        step = self.script[min(len(self.sent), len(self.script) - 1)]
        self.sent.append(list(additions))
        self.timeouts_s.append(timeout_s)
        self.now_s += min(self.call_s, timeout_s)
        return [
            Committed(each.request_id, "0", False, PLACE)
            if step.get(each.request_id, "OK") == "OK"
            else Failure(step[each.request_id], "scripted")
            for each in additions
        ]

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def environment(self, random01: float = 0.5) -> Environment:
        return Environment(clock=lambda: self.now_s, sleep=self.sleep, random01=lambda: random01)


ADDITIONS = st.lists(st.integers(0, 20), min_size=1, max_size=10, unique=True).map(
    lambda numbers: [Addition(str(number), "1", "2") for number in numbers]
)
STEP = st.dictionaries(st.integers(0, 20).map(str), st.sampled_from(["OK", *STATUSES]))
STEPS = st.lists(STEP, min_size=1, max_size=8)


@given(ADDITIONS, STEPS, PROBABILITY, st.floats(0, 20))
async def test_every_addition_gets_the_outcome_that_its_answers_justify(additions, script, random01, call_s):
    """Each outcome follows from its answers: no call after a final one, and none beyond deadline and attempts."""
    policy = RetryPolicy(deadline_s=60, attempts_max=6)
    transport = Scripted(script, call_s)
    outcomes = await settle(transport, additions, policy, transport.environment(random01))

    assert [outcome.request_id for outcome in outcomes] == [each.request_id for each in additions]
    assert all(each in additions for call in transport.sent for each in call)
    assert len(transport.sent) <= policy.attempts_max
    assert transport.now_s <= policy.deadline_s + policy.attempt_timeout_s
    assert all(0 < timeout <= policy.attempt_timeout_s for timeout in transport.timeouts_s)
    for addition, outcome in zip(additions, outcomes, strict=True):
        answers = [
            script[min(i, len(script) - 1)].get(addition.request_id, "OK")
            for i, call in enumerate(transport.sent)
            if addition in call
        ]
        assert all(answer in RETRIED for answer in answers[:-1])
        match outcome:
            case Committed():
                assert answers[-1] == "OK"
            case Refused(status=status):
                assert answers[-1] == status
                assert status not in RETRIED
            case Unknown(status=status, attempts=attempts):
                assert answers[-1] == status
                assert attempts == len(answers)


async def test_the_time_that_is_left_limits_an_attempt():
    """An attempt's time-out is the policy's, or what is left until the deadline where that is less."""
    transport = Scripted([{"x": "DEADLINE_EXCEEDED"}], call_s=100)
    policy = RetryPolicy(deadline_s=20, attempt_timeout_s=15)
    outcomes = await settle(transport, [Addition("x", "1", "2")], policy, transport.environment(0.0))
    assert transport.timeouts_s == [15, 5]
    assert isinstance(outcomes[0], Unknown)
