"""What a user does: each operation is one iteration, tells what it saw, and knows which answer is the right one.

A refusal that is expected (invalid input, an id used again with other operands) is right; a success in its place is
not. What became of an addition goes into the outcome log, by the API's table: REFUSED only where the status says that
nothing was committed.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import httpx
from google.rpc import code_pb2

from loadtests.traffic.additions import Draw, DrawnAddition, contradiction_of
from loadtests.traffic.measures import Window
from loadtests.traffic.outcomes import Outcome, OutcomeLog
from loadtests.traffic.profiles import Operation
from loadtests.traffic.spans import Spans
from tally.client.outcomes import Addition
from tally.client.transport import batch_request_of, request_of
from tally.event.decimals import text_of
from tally.generated.tally.v1 import tally_pb2

CALL_S: Final = 30.0
NOT_COMMITTED: Final = frozenset(
    {"INVALID_ARGUMENT", "OUT_OF_RANGE", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED", "ABORTED"}
)
"""Statuses that say in every case that nothing was committed (docs/API.md)."""

_REMEMBERED: Final = 1_000  # additions whose ids are used again: so few that the producer still knows them
_OF_KNOWN: Final = ("duplicate", "conflict", "lookup")
VISIBLE_WAIT_MS: Final = 10_000
INVALID_PATHS: Final = ("/v1/requests/nonsense", "/v1/total?min_position=nonsense", "/v1/entries?partition=nonsense")
INVALID_REST_SHARE: Final = 0.25
BATCH: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one Add: the status's name, and the response when it is OK."""

    status: str
    response: tally_pb2.AddResponse | None = None


class Operations:
    """The operations of one run, over shared channels and REST's clients. ``window`` is replaced each second."""

    def __init__(
        self,
        stubs: Sequence[Any],
        rest: Sequence[httpx.AsyncClient],
        draw: Draw,
        log: OutcomeLog,
        spans: Spans,
        *,
        check_sums: bool = True,
    ) -> None:
        self.window = Window()
        self._stubs = stubs
        # Each client has one call at a time, and whoever has none waits here: a client of httpx looks through all its
        # connections and all that wait at each step of each call: 5 to 13 ms of work a call with 64 of them (seen).
        self._rest: asyncio.LifoQueue[httpx.AsyncClient] = asyncio.LifoQueue()
        for client in rest:
            self._rest.put_nowait(client)
        self._draw = draw
        self._rng: random.Random = draw.rng
        self._log = log
        self._spans = spans
        self._check_sums = check_sums
        self.positions: dict[int, int] = {}
        """The last acknowledged offset of each partition: what the ledger must reach before it is judged."""
        self._known: deque[DrawnAddition] = deque(maxlen=_REMEMBERED)

    async def run(self, operation: Operation, due_s: float) -> None:
        """Do one operation; its latency counts from ``due_s`` on ``time.perf_counter``."""
        with self._spans.root(operation) as metadata:
            if operation in _OF_KNOWN and not self._known:
                await self._add(due_s, metadata)
                if not self._known:
                    return
            await getattr(self, f"_{operation}")(due_s, metadata)

    async def _add(self, due_s: float, metadata: Any) -> tally_pb2.AddResponse | None:
        addition = self._draw.next()
        self._log.begin(addition)
        outcome = Outcome.UNKNOWN  # what it stays when this task is cancelled on the way
        try:
            answer = await self._call(addition, metadata)
            wrong = self._wrong_answer(addition, answer)
            outcome = _outcome_of(answer)
        finally:
            self._log.settle(addition, outcome)
        self.window.answered("add", answer.status, _ms_since(due_s), wrong)
        if outcome is Outcome.ACKED:
            self._known.append(addition)
            self._note_position(answer.response)
        return answer.response

    async def _batch(self, due_s: float, metadata: Any) -> None:
        """Several in one call: each has a status and an outcome of its own."""
        additions = self._draw.many(BATCH)
        for addition in additions:
            self._log.begin(addition)
        answers = [Answer("UNKNOWN")] * BATCH  # what they stay when this task is cancelled on the way
        try:
            answers = await self._call_batch(additions, metadata)
        finally:
            for addition, answer in zip(additions, answers, strict=True):
                self._log.settle(addition, _outcome_of(answer))
        wrong = [each for each in map(self._wrong_answer, additions, answers) if each is not None]
        status = next((each.status for each in answers if each.response is None), "OK")
        self.window.answered("batch", status, _ms_since(due_s), wrong[0] if wrong else None)
        for answer in answers:
            if answer.response is not None:
                self._note_position(answer.response)

    async def _duplicate(self, due_s: float, metadata: Any) -> None:
        """The same again: OK, with the same sum, and known as a duplicate."""
        addition = self._rng.choice(self._known)
        answer = await self._call(addition, metadata)
        wrong = self._wrong_answer(addition, answer)
        if wrong is None and answer.response is not None and not answer.response.duplicate:
            wrong = "not recognised"
        self.window.answered("duplicate", answer.status, _ms_since(due_s), wrong)

    async def _conflict(self, due_s: float, metadata: Any) -> None:
        """The same id with other operands: refused."""
        answer = await self._call(contradiction_of(self._rng.choice(self._known)), metadata)
        self._expect("conflict", "ALREADY_EXISTS", answer, due_s)

    async def _invalid(self, due_s: float, metadata: Any) -> None:
        """What the contract does not allow, or a path that REST does not: refused."""
        if self._rng.random() < INVALID_REST_SHARE:
            await self._get("invalid_rest", self._rng.choice(INVALID_PATHS), due_s, metadata, expected=("400",))
            return
        answer = await self._call(self._draw.invalid(), metadata)
        self._expect("invalid", "INVALID_ARGUMENT", answer, due_s)

    async def _total(self, due_s: float, metadata: Any) -> None:
        await self._get("total", "/v1/total", due_s, metadata)

    async def _lookup(self, due_s: float, metadata: Any) -> None:
        """Where one addition was counted: found, or not counted yet."""
        path = f"/v1/requests/{self._rng.choice(self._known).request_id}"
        await self._get("lookup", path, due_s, metadata, expected=("200", "404"))

    async def _health(self, due_s: float, metadata: Any) -> None:
        await self._get("health", "/health/ready", due_s, metadata)

    async def _visible(self, due_s: float, metadata: Any) -> None:
        """Add, then wait until the total has it: the time from the call to that moment."""
        response = await self._add(due_s, metadata)
        if response is not None:
            place = f"{response.position.partition}:{response.position.offset}"
            path = f"/v1/total?min_position={place}&wait_ms={VISIBLE_WAIT_MS}"
            if await self._get("read_own_write", path, time.perf_counter(), metadata):
                self.window.timed("visible", _ms_since(due_s))

    async def _get(
        self, operation: str, path: str, due_s: float, metadata: Any, expected: Sequence[str] = ("200",)
    ) -> bool:
        client = await self._rest.get()
        try:
            code = str((await client.get(path, headers=dict(metadata))).status_code)
        except httpx.HTTPError as error:
            code = type(error).__name__
        finally:
            self._rest.put_nowait(client)
        wrong = None if code in expected else f"{code} instead of {' or '.join(expected)}"
        self.window.answered(operation, code, _ms_since(due_s), wrong)
        return wrong is None

    async def _call(self, addition: Addition, metadata: Any) -> Answer:
        try:
            stub = self._rng.choice(self._stubs)
            return Answer("OK", await stub.Add(request_of(addition), timeout=CALL_S, metadata=metadata))
        except grpc.aio.AioRpcError as error:
            return Answer(error.code().name)

    async def _call_batch(self, additions: Sequence[Addition], metadata: Any) -> list[Answer]:
        try:
            stub = self._rng.choice(self._stubs)
            response = await stub.AddBatch(batch_request_of(additions), timeout=CALL_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return [Answer(error.code().name)] * len(additions)
        return [
            Answer("OK", each.response) if each.status.code == 0 else Answer(code_pb2.Code.Name(each.status.code))
            for each in response.results
        ]

    def _note_position(self, response: tally_pb2.AddResponse | None) -> None:
        assert response is not None, "what is acknowledged has a position"
        place = response.position
        self.positions[place.partition] = max(place.offset, self.positions.get(place.partition, 0))

    def _wrong_answer(self, addition: DrawnAddition, answer: Answer) -> str | None:
        if answer.response is None:
            return answer.status
        if self._check_sums and answer.response.sum != text_of(addition.sum):
            return "wrong sum"
        return None

    def _expect(self, operation: str, status: str, answer: Answer, due_s: float) -> None:
        wrong = None if answer.status == status else f"{answer.status} instead of {status}"
        self.window.answered(operation, answer.status, _ms_since(due_s), wrong)


def _outcome_of(answer: Answer) -> Outcome:
    if answer.response is not None:
        return Outcome.ACKED
    return Outcome.REFUSED if answer.status in NOT_COMMITTED else Outcome.UNKNOWN


def _ms_since(due_s: float) -> float:
    return 1000 * (time.perf_counter() - due_s)
