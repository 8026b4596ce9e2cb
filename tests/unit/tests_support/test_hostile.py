"""What `just hostile` reckons: how long healthy callers waited."""

import math
from dataclasses import replace

import pytest

from oracle.history import Call, Outcome
from tests_support.hostile.__main__ import main
from tests_support.hostile.crowd import ATTACKS
from tests_support.hostile.latency import p99, waits_s


def tried(request_id: str, started_s: float, ended_s: float, outcome: Outcome = Outcome.OK, b: str = "2") -> Call:
    return Call(request_id=request_id, a="1", b=b, outcome=outcome, started_s=started_s, ended_s=ended_s)


def contradicted(request_id: str, started_s: float, ended_s: float) -> Call:
    return replace(tried(request_id, started_s, ended_s, Outcome.FAIL, b="3"), status="ALREADY_EXISTS")


def test_a_call_takes_until_its_answer_is_ok_its_retries_included() -> None:
    """A call that had to be tried twice waited from its first attempt to the end of its last."""
    calls = [tried("x", 1.0, 1.5, Outcome.FAIL), tried("x", 2.0, 3.0)]
    assert waits_s(calls, 0.0, 10.0) == [2.0]


def test_a_contradiction_is_no_attempt_of_the_addition_that_it_contradicts() -> None:
    """When a used id is refused with other operands, no later call of it has waited since then."""
    calls = [contradicted("x", 1.0, 1.5), tried("x", 7.0, 7.25), tried("x", 8.0, 8.5, b="3")]
    assert sorted(waits_s(calls, 0.0, 10.0)) == [0.25, 0.5]


def test_the_additions_of_one_batch_are_one_call() -> None:
    """Additions that were sent and answered together count once, so that large batches do not outweigh the others."""
    assert waits_s([tried("x", 1.0, 1.5), tried("y", 1.0, 1.5), tried("z", 1.0, 1.25)], 0.0, 10.0).count(0.5) == 1


def test_only_calls_that_began_in_the_while_are_looked_at() -> None:
    """A call belongs to the part of a run in which it began, and a repeated id makes a call of its own."""
    calls = [tried("x", 1.0, 1.5), tried("x", 5.0, 5.25), tried("y", 9.0, 12.0)]
    assert sorted(waits_s(calls, 2.0, 10.0)) == [0.25, 3.0]


@pytest.mark.parametrize(("count", "expected"), [(1, 1.0), (100, 99.0), (200, 198.0)])
def test_p99_is_the_nearest_rank(count: int, expected: float) -> None:
    """One call of a hundred may be slower than p99, and p99 is a call that was made."""
    assert p99([float(number) for number in range(1, count + 1)]) == expected


def test_p99_of_nothing_holds_no_promise() -> None:
    """Without calls there is no p99: no comparison with it is true."""
    assert math.isnan(p99([]))


@pytest.mark.parametrize("words", [["0"], ["ten"], ["1", "x"], ["241"]])
def test_wrong_words_are_told_and_nothing_starts(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes and seed that cannot be meant end with exit code 2 and a sentence that says what is allowed."""
    assert main(words) == 2
    assert "hostile takes MINUTES, above 0 and at most 240" in capsys.readouterr().err


def test_an_attack_that_there_is_not_is_told_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Behind minutes and seed come names of attacks; a wrong one ends with exit code 2 and the list."""
    assert main(["1", "2", "junk-frames", "junk"]) == 2
    told = capsys.readouterr().err
    assert "there is no attack 'junk'" in told
    assert all(name in told for name in ATTACKS)
