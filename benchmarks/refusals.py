"""``python -m benchmarks.refusals``: what each refusal costs beside a good answer, in bytes and processor time.

Kafka is not needed: the producer's methods get their results at once, and the consumer's REST stands on a small ledger.
A good answer's transaction or read from disk is therefore not in the figures, and a refusal has none.
"""

import asyncio
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from litestar.testing import TestClient

from producer.core import refusals
from producer.core.calls import Call, Placed, Result
from producer.core.ports import Incoming
from producer.core.refusals import Outcome, Refusal
from producer.shell.methods import TallyMethods
from producer.shell.rpc_status import status_of
from tally.generated.tally.v1 import tally_pb2
from tests_support.consumer.rest_world import rest_world

NUMBER = 10_000
ROUNDS = 3
UNARY_CALLS = 2_000
REST_CALLS = 200
Texts = tuple[str, str, str]


def _good(number: int) -> Texts:
    return str(uuid.UUID(int=number + (1 << 100))), f"{number}.25", "40.5"


def _placed(place: int) -> Result:
    return Placed(3, 123_456 + place, False)


REQUESTS: dict[str, Callable[[int], Texts]] = {
    "good": _good,
    "empty": lambda _: ("", "", ""),
    "bad ids": lambda number: (f"x{number}", "1", "2"),
    "bad numbers": lambda number: (_good(number)[0], f"1e{number}", "2"),
    "all wrong, each in its own way": lambda number: (f"x{number}", f"a{number}", f"b{number}"),
    "control characters": lambda number: ("\x01" * 60 + str(number), "\x01" * 60, "\x01" * 60),
    "every hundredth empty": lambda number: _good(number) if number % 100 else ("", "", ""),
    "sums out of range": lambda number: (_good(number)[0], "9" * 29, "9" * 29),
}
REFUSALS: dict[str, Refusal] = {
    "ids reused": refusals.reused_id(),
    "deadline passed": refusals.deadline_exceeded(Outcome.UNKNOWN),
    "aborted": refusals.aborted("x" * 300),
    "unresolved": refusals.unresolved("x" * 300),
}
REST: dict[str, tuple[str, str]] = {
    "total": ("GET", "/v1/total"),
    "request of a partition without an owner": ("GET", "/v1/requests/6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    "request of no id": ("GET", "/v1/requests/x"),
    "entries": ("GET", "/v1/entries?partition=3"),
    "entries of no partition": ("GET", "/v1/entries?partition=99"),
    "entries of no number": ("GET", "/v1/entries?partition=x"),
    "unknown path": ("GET", "/nowhere"),
    "wrong method": ("DELETE", "/v1/total"),
    "no such export": ("GET", "/v1/exports/x"),
}


class _AnswersAtOnce:
    """Answers at once."""

    def __init__(self, result: Callable[[int], Result]) -> None:
        self._result = result

    async def one(self, *_: Any) -> Result:
        return self._result(0)

    async def many(self, call: Call, places: Iterable[int], *_: Any) -> None:
        for place in places:
            call.results[place] = self._result(place)


def _methods(result: Callable[[int], Result]) -> TallyMethods:
    queue: Any = _AnswersAtOnce(result)
    return TallyMethods(queue, "tally.sums.v1", 12, NUMBER)


def _size(answer: Any) -> int:
    return len((status_of(answer) if isinstance(answer, Refusal) else answer).SerializeToString())


async def _batch(name: str, texts: Callable[[int], Texts], result: Callable[[int], Result]) -> None:
    additions = [tally_pb2.AddRequest(request_id=i, a=a, b=b) for i, a, b in map(texts, range(NUMBER))]
    sent = tally_pb2.AddBatchRequest(additions=additions).SerializeToString()
    spent_s = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        incoming = Incoming(tally_pb2.AddBatchRequest.FromString(sent), 10.0, dict)
        received = _size(await _methods(result).add_batch(incoming))
        spent_s.append(time.process_time() - began_s)
    print(
        f"AddBatch of {NUMBER:,}: {name:32} {len(sent):>9,} B sent {received:>9,} B back {min(spent_s) * 1e3:7.1f} ms"
    )


async def _unary(name: str, texts: Callable[[int], Texts], result: Callable[[int], Result]) -> None:
    request_id, a, b = texts(0)
    methods, request = _methods(result), tally_pb2.AddRequest(request_id=request_id, a=a, b=b)
    began_s = time.process_time()
    for _ in range(UNARY_CALLS):
        received = _size(await methods.add(Incoming(request, 10.0, dict)))
    spent_us = (time.process_time() - began_s) / UNARY_CALLS * 1e6
    print(f"Add: {name:48} {received:>9,} B back {spent_us:7.1f} us")


def _rest(name: str, method: str, path: str, client: "TestClient[Any]") -> None:
    began_s = time.process_time()
    for _ in range(REST_CALLS):
        answer = client.request(method, path)
    spent_us = (time.process_time() - began_s) / REST_CALLS * 1e6
    print(f"REST: {name:40} {answer.status_code} {len(answer.content):>9,} B back {spent_us:9.0f} us, the client's too")


def main() -> None:
    """Measure and print."""
    cases = [(name, texts, _placed) for name, texts in REQUESTS.items()]
    refused = [(name, _good, lambda _, each=each: each) for name, each in REFUSALS.items()]
    for name, texts, result in (*cases, *refused):
        asyncio.run(_batch(name, texts, result))
    for name, texts, result in (*cases, *refused):
        asyncio.run(_unary(name, texts, result))
    with tempfile.TemporaryDirectory() as folder, rest_world(Path(folder)) as world, TestClient(world.app) as client:
        for name, (method, path) in REST.items():
            _rest(name, method, path, client)


if __name__ == "__main__":
    main()
