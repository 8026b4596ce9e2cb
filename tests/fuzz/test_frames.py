"""Frames as no library sends them, at a producer with everything real behind it."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import psutil
import pytest

from oracle.history import Call, History, Outcome
from oracle.reading import rest_total
from tally.client.outcomes import Addition
from tests_support.chaos.cluster import Cluster, temporary_cluster
from tests_support.producer.callers import Caller, new_pair
from tests_support.producer.frame_attacks import ATTACKS, texts_of
from tests_support.producer.http2_frames import RawConnection
from tests_support.producer.process import ProducerProcess
from tests_support.running.faults import chosen_seed
from tests_support.waiting import NotInTimeError, eventually

ROUNDS = 40
"""Connections of each attack."""
AT_ONCE = 8
WAIT_S = 30.0
RENEWED = "gRPC ended its server"
RENEWED_S = 5.0
MORE_MB_MAX = 300
"""As docs/LIMITS.md says."""
DESCRIPTORS_MORE = 10
UNKNOWN, INTERNAL = grpc.StatusCode.UNKNOWN.value[0], grpc.StatusCode.INTERNAL.value[0]
BATCH = 200


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A broker, a registry and the contracts."""
    with temporary_cluster() as made:
        yield made


@dataclass
class Told:
    """What the attacks were told, and what they may have added."""

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    said: list[Addition] = field(default_factory=list)


def renewed(producer: ProducerProcess) -> int:
    """Return how often a call that gRPC cannot take ended its server, and what others had in flight with it."""
    return producer.text().count(RENEWED)


def attack(producer: ProducerProcess, seed: int, number: int, history: History, told: Told) -> None:
    """Carry out one attack on a connection of its own."""
    kind = ATTACKS[number % len(ATTACKS)]
    one = kind(random.Random(f"{seed}/{number}"))
    for each in one.says:
        said = Addition(*texts_of(each))
        told.said.append(said)
        now_s = time.monotonic()
        history.record(
            Call(
                request_id=said.request_id, a=said.a, b=said.b, outcome=Outcome.UNKNOWN, started_s=now_s, ended_s=now_s
            )
        )
    before = renewed(producer)
    wrong: list[str] = []
    refused = (ConnectionRefusedError,)  # while a new server begins to listen
    with eventually(
        lambda: RawConnection(producer.port), WAIT_S, "the producer listens", retry_on=refused
    ) as connection:
        try:
            connection.begin(one.sends)
            ended = [connection.wait_ended(stream, WAIT_S) for stream in one.answered]
            connection.end()
        except OSError:  # the server has had enough
            ended = []
        if not all(ended) or not connection.wait_closed(WAIT_S):
            wrong.append(f"attack {number}, {kind.__name__}: not ended in {WAIT_S} s")
        for stream in list(connection.seen.trailers):
            status = connection.seen.status(stream)
            told.statuses[f"{kind.__name__} {status}"] += 1
            if status == UNKNOWN or (status == INTERNAL and not one.unreadable) or (status and one.good):
                wrong.append(f"attack {number}, {kind.__name__}: {connection.seen.trailers[stream]!r}")
    if wrong:
        try:
            eventually(lambda: renewed(producer) > before, RENEWED_S, "the server was renewed meanwhile")
        except NotInTimeError:
            told.wrong.extend(wrong)


def settle(producer: ProducerProcess, history: History, said: list[Addition]) -> None:
    """Find out what became of each addition that may have been read, by adding it again."""
    caller = Caller(producer.target, history, deadline_s=30.0)
    for at in range(0, len(said), BATCH):
        some = said[at : at + BATCH]
        for pair, call in zip(some, caller.add_batch(some), strict=True):
            if call.outcome is not Outcome.OK:
                assert caller.settle(pair, 60.0).outcome is Outcome.OK, (pair, call)
    caller.close()


def test_no_frames_make_the_producer_fail_or_grow_and_what_it_counts_is_exact(cluster: Cluster) -> None:
    """Whatever frames come, no call is a defect, memory and descriptors are bounded, and every sum is counted once."""
    seed = chosen_seed()
    cluster.consumer().wait_ready()
    producer = cluster.producer().wait_ready()
    process, history, told = psutil.Process(producer.process.pid), History(), Told()
    healthy = Caller(producer.target, history)
    assert healthy.settle(new_pair(random.Random(seed)), WAIT_S).outcome is Outcome.OK
    before_bytes, before_fds, peak_bytes = process.memory_info().rss, process.num_fds(), 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        numbers = range(ROUNDS * len(ATTACKS))
        for _ in pool.map(lambda number: attack(producer, seed, number, history, told), numbers):
            peak_bytes = max(peak_bytes, process.memory_info().rss)
    print(f"{before_bytes / 1e6:.0f} MB, at most {(peak_bytes - before_bytes) / 1e6:.0f} MB more;", told.statuses)
    assert told.wrong == [], "\n".join(told.wrong)
    assert peak_bytes - before_bytes < MORE_MB_MAX * 1e6
    assert healthy.settle(new_pair(random.Random(seed + 1)), WAIT_S).outcome is Outcome.OK
    healthy.close()
    eventually(lambda: process.num_fds() <= before_fds + DESCRIPTORS_MORE, WAIT_S, "connections are closed")
    settle(producer, history, told.said)
    cluster.examine(history)
    acknowledged = {call.request_id for call in history.calls() if call.outcome is Outcome.OK}
    assert rest_total(cluster.system)["count"] == len(acknowledged)
    assert "Traceback" not in producer.text()
    assert "defect" not in producer.text()
