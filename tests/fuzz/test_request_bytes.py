"""Requests whose bytes were changed at random, one after another on one channel."""

import random
import uuid
from collections.abc import Iterable
from typing import Any

import grpc

from loadtests.traffic.columns import columns_request_of
from producer.core.call_queue import Part
from producer.core.calls import Call, Placed, Result
from producer.core.columns import Columns
from producer.shell.methods import TallyMethods
from tally.client.outcomes import Addition
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.mutations import mutated
from tests_support.producer.served_methods import served
from tests_support.running.faults import chosen_seed

CALLS = 4_000
SERVICE = "/tally.v1.TallyService"
REFUSED = {"INVALID_ARGUMENT", "OUT_OF_RANGE"}


class AnswersAtOnce:
    """A call queue that answers at once."""

    async def one(self, *_: Any) -> Result:
        """Answer one addition."""
        return Placed(3, 1, False)

    async def columns(self, call: Call, columns: Columns, *_: Any) -> list[Part]:
        """Answer columns."""
        call.results += [Placed(3, row, False) for row in range(len(columns))]
        return [Part((row,), None) for row in range(len(columns))]

    async def many(self, call: Call, places: Iterable[int], *_: Any) -> None:
        """Answer many."""
        for place in places:
            call.results[place] = Placed(3, place, False)


def valid(rng: random.Random) -> tuple[str, bytes]:
    """Return a method and a request that it accepts."""
    some = [
        tally_pb2.AddRequest(request_id=str(uuid.UUID(int=rng.getrandbits(128))), a=f"{rng.randrange(99)}", b="-1.5")
        for _ in range(rng.randint(1, 5))
    ]
    chance = rng.random()
    if chance < 0.3:
        return f"{SERVICE}/Add", some[0].SerializeToString()
    if chance < 0.6:
        columns = columns_request_of([Addition(each.request_id, each.a, each.b) for each in some])
        return f"{SERVICE}/AddColumns", columns.SerializeToString()
    return f"{SERVICE}/AddBatch", tally_pb2.AddBatchRequest(additions=some).SerializeToString()


def test_changed_requests_are_answered_or_refused_and_never_a_defect() -> None:
    """Whatever bytes a request has, the answer is OK or one of the refusals for wrong input."""
    rng = random.Random(chosen_seed())
    queue: Any = AnswersAtOnce()
    methods = TallyMethods(queue, "tally.sums.v1", 12, 10_000)
    seen: dict[str, int] = {}
    with served(methods.rpcs()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for number in range(CALLS):
            path, request = valid(rng)
            data = request if number % 10 == 0 else mutated(request, rng)
            try:
                call: Any = channel.unary_unary(path)
                call(data, timeout=20)
                code = "OK"
            except grpc.RpcError as error:
                code = error.code().name
            seen[code] = seen.get(code, 0) + 1
            assert code == "OK" or (data != request and code in REFUSED), (path, data)
    print(seen)
    assert seen["OK"] >= CALLS // 10
    assert seen["INVALID_ARGUMENT"] > 0
