"""Several writers of one topic, and an administrator: the same id through two producers, and a topic that changes.

Invariants: I1 an acknowledged id is counted once; I2 each id at most once; I8 what cannot be right is refused.
"""

from concurrent.futures import ThreadPoolExecutor
from random import Random

from oracle.history import Outcome
from tally.client.outcomes import Addition
from tests.chaos.conftest import Counting
from tests_support.chaos.cluster import Cluster
from tests_support.producer.callers import Caller, new_pair
from tests_support.producer.process import ProducerProcess
from tests_support.running.faults import chosen_seed

PAIRS = 40


def test_hedged_calls_through_two_producers_count_once(counting: Counting) -> None:
    """The same ids through two producers at a time are OK at both, and each is counted once (I1, I2)."""
    targets = [producer.target for producer in _two_producers(counting.cluster)]
    pairs = _pairs()

    def add_all(target: str) -> set[Outcome]:
        caller = Caller(target, counting.history)
        return {call.outcome for call in caller.add_batch(pairs)}

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(add_all, targets)) == [{Outcome.OK}] * 2
    report = counting.cluster.examine(counting.history)
    assert report.duplicates >= PAIRS


def test_other_operands_through_another_producer_are_a_conflict(counting: Counting) -> None:
    """An id with other operands through another producer is OK there, and a conflict that REST shows (I1, I2)."""
    one, other = _two_producers(counting.cluster)
    pairs = _pairs()
    others = [Addition(request_id=pair.request_id, a=pair.a, b="1.5") for pair in pairs]
    assert {call.outcome for call in Caller(one.target, counting.history).add_batch(pairs)} == {Outcome.OK}
    assert {call.outcome for call in Caller(other.target, counting.history).add_batch(others)} == {Outcome.OK}
    report = counting.cluster.examine(counting.history)
    assert report.conflicts >= PAIRS
    shown = counting.consumer.get(f"/v1/requests/{pairs[0].request_id}")
    assert len(shown["conflicts"]) == 1


def _two_producers(cluster: Cluster) -> list[ProducerProcess]:
    started = [cluster.producer(producer_lanes=1) for _ in range(2)]
    return [one.wait_ready() for one in started]


def _pairs() -> list[Addition]:
    rng = Random(chosen_seed())
    return [new_pair(rng) for _ in range(PAIRS)]
