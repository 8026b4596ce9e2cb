"""What each refusal costs beside a good answer, in processor time and bytes. No broker.

The producer's methods get their results at once, and the consumer's REST stands on a small ledger. A good answer's
transaction or read from disk is therefore not in the figures, and a refusal has none.
"""

import asyncio
import gc
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from litestar.testing import TestClient

from benchmarks.results import Comparison, Sample, Target, in_turns, median, medians_of_details
from producer.core import refusals
from producer.core.calls import Call, Placed, Result
from producer.core.ports import Incoming
from producer.core.refusals import Outcome, Refusal
from producer.shell.methods import TallyMethods
from producer.shell.rpc_status import status_bytes
from tally.generated.tally.v1 import tally_pb2
from tests_support.consumer.rest_world import rest_world

NUMBER: Final = 10_000
ROUNDS: Final = 3
UNARY_CALLS: Final = 2_000
REST_CALLS: Final = 200
QUICK_SHARE: Final = 20
"""A quick run makes this much less of everything."""
TARGET: Final = Target(ratio=1.5, higher_is_better=False)
"""A refusal must not cost more than a good answer, but a batch that is partly refused takes both ways."""
GOOD: Final = "good"
Texts = tuple[str, str, str]
Turn = Callable[[], Sample]


def _good(number: int) -> Texts:
    return str(uuid.UUID(int=number + (1 << 100))), f"{number}.25", "40.5"


def _placed(place: int) -> Result:
    return Placed(3, 123_456 + place, False)


REQUESTS: dict[str, Callable[[int], Texts]] = {
    GOOD: _good,
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
    GOOD: ("GET", "/v1/total"),
    "a request whose partition has no owner": ("GET", "/v1/requests/6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    "a request without an id": ("GET", "/v1/requests/x"),
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


def beside_good_answers(*, quick: bool) -> list[Comparison]:
    """Compare the dearest refusal of AddBatch, Add and REST with a good answer, each with the figures of all."""
    less = QUICK_SHARE if quick else 1
    with tempfile.TemporaryDirectory() as folder, rest_world(Path(folder)) as world, TestClient(world.app) as client:
        calls = {name: _rest(client, *asked, REST_CALLS // less) for name, asked in REST.items()}
        of_rest = _dearest("REST", "us of a call and its client", calls)
    return [
        _dearest(f"AddBatch of {NUMBER // less:,}", "ms of a batch", _each(_batch, NUMBER // less)),
        _dearest("Add", "us of a call", _each(_unary, UNARY_CALLS // less)),
        of_rest,
    ]


def _each(turn: Callable[[Callable[[int], Texts], Callable[[int], Result], int], Turn], number: int) -> dict[str, Turn]:
    """Return a turn for each request, and one for each refusal of a good request."""
    asked = {name: turn(texts, _placed, number) for name, texts in REQUESTS.items()}
    return asked | {name: turn(_good, _always(each), number) for name, each in REFUSALS.items()}


def _always(refusal: Refusal) -> Callable[[int], Result]:
    return lambda _: refusal


def _dearest(what: str, unit: str, turns: Mapping[str, Turn]) -> Comparison:
    gc.freeze()  # what is there by now is no garbage, and looking through it would be counted to whoever runs then
    samples = in_turns(turns, ROUNDS)
    gc.unfreeze()
    good = samples.pop(GOOD)
    name = max(samples, key=lambda each: median(samples[each]))
    return Comparison(
        name=f"refusals: {what}",
        unit=unit,
        subject=f"the dearest of {len(samples)}: {name}",
        limit="a good answer",
        target=TARGET,
        subject_samples=samples[name],
        limit_samples=good,
        notes=[f"{what}, {each}: {_shown(found)}" for each, found in samples.items()],
    )


def _shown(samples: list[Sample]) -> str:
    return f"{median(samples):,.1f}, {medians_of_details(samples)['bytes back']:,.0f} bytes back"


def _size(answer: Any) -> int:
    return len(status_bytes(answer) if isinstance(answer, Refusal) else answer.SerializeToString())


def _batch(texts: Callable[[int], Texts], result: Callable[[int], Result], number: int) -> Turn:
    additions = [tally_pb2.AddRequest(request_id=i, a=a, b=b) for i, a, b in map(texts, range(number))]
    sent = tally_pb2.AddBatchRequest(additions=additions).SerializeToString()

    def turn() -> Sample:
        began_s = time.process_time()
        incoming = Incoming(tally_pb2.AddBatchRequest.FromString(sent), 10.0, dict)
        received = _size(asyncio.run(_methods(result).add_batch(incoming)))
        return _sample(began_s, 1e3, received)

    return turn


def _unary(texts: Callable[[int], Texts], result: Callable[[int], Result], number: int) -> Turn:
    request_id, a, b = texts(0)
    methods, request = _methods(result), tally_pb2.AddRequest(request_id=request_id, a=a, b=b)

    async def calls() -> int:
        for _ in range(number):
            received = _size(await methods.add(Incoming(request, 10.0, dict)))
        return received

    def turn() -> Sample:
        began_s = time.process_time()
        received = asyncio.run(calls())
        return _sample(began_s, 1e6 / number, received)

    return turn


def _rest(client: "TestClient[Any]", method: str, path: str, number: int) -> Turn:
    def turn() -> Sample:
        began_s = time.process_time()
        for _ in range(number):
            answer = client.request(method, path)
        return _sample(began_s, 1e6 / number, len(answer.content))

    return turn


def _sample(began_s: float, scale: float, received: int) -> Sample:
    return Sample(value=(time.process_time() - began_s) * scale, details={"bytes back": float(received)})
