"""The operations: an expected refusal is right, an unexpected success is not, and each addition's outcome is logged."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import grpc
import httpx
import pytest
from google.rpc import status_pb2

from loadtests.traffic.additions import Draw
from loadtests.traffic.operations import Operations
from loadtests.traffic.outcomes import OutcomeLog
from loadtests.traffic.spans import Spans
from tally.event import decimals
from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc
from tests_support.client.fake_tally import BatchContext, FakeTally, refusal, serving

CLIENTS = 4
TAG = bytes.fromhex("0123456789ab")


class Strict(FakeTally):
    """Refuses what the contract forbids."""

    def _answer(self, request: tally_pb2.AddRequest) -> tally_pb2.AddResponse | status_pb2.Status:
        try:
            return super()._answer(request)
        except decimals.DecimalTextError as error:
            return refusal("INVALID_ARGUMENT", str(error))


class Lax(FakeTally):
    """Takes everything."""

    def _answer(self, request: tally_pb2.AddRequest) -> tally_pb2.AddResponse:
        self.committed.clear()
        try:
            answer = super()._answer(request)
            assert isinstance(answer, tally_pb2.AddResponse)
        except decimals.DecimalTextError:
            return tally_pb2.AddResponse(request_id=request.request_id, sum="0")
        return answer


class Silent(FakeTally):
    """Dies over every batch."""

    async def AddBatch(self, request: tally_pb2.AddBatchRequest, context: BatchContext) -> NoReturn:  # noqa: N802
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")


@dataclass
class World:
    """Operations against a scripted service. ``rest`` is the code that every sensible path of REST answers."""

    operations: Operations
    log: OutcomeLog
    rest: int = 200
    asked: int = 0
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    nonsense: int = 400


@asynccontextmanager
async def world(fake: FakeTally, folder: Path) -> AsyncIterator[World]:
    """Yield operations that call ``fake``; the first addition is made, so that an id is known."""

    async def answer(request: httpx.Request) -> httpx.Response:
        made.asked += 1
        if made.rest == 0:
            await made.answering.wait()
        return httpx.Response(made.nonsense if "nonsense" in str(request.url) else made.rest or 200)

    log = OutcomeLog(folder / "outcomes.bin", TAG)
    async with (
        serving(fake) as target,
        grpc.aio.insecure_channel(target) as channel,
        httpx.AsyncClient(base_url="http://tally", transport=httpx.MockTransport(answer)) as rest,
    ):
        stubs = [tally_pb2_grpc.TallyServiceStub(channel)]
        made = World(Operations(stubs, [rest] * CLIENTS, Draw.seeded(TAG, 1), log, Spans(0.0, random.Random(1))), log)
        await made.operations.run("add", 0.0)
        yield made


async def test_expected_refusals_pass(tmp_path):
    """A conflict that is refused, and invalid input that is refused over gRPC and REST, are what was wanted."""
    async with world(Strict(), tmp_path) as made:
        for _ in range(30):
            await made.operations.run("conflict", 0.0)
            await made.operations.run("invalid", 0.0)
    codes = made.operations.window.codes
    assert codes["conflict ALREADY_EXISTS"] == 30
    assert codes["invalid INVALID_ARGUMENT"] > 0 < codes["invalid_rest 400"]
    assert codes["invalid INVALID_ARGUMENT"] + codes["invalid_rest 400"] == 30
    assert not made.operations.window.unexpected


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("conflict", {"conflict: OK instead of ALREADY_EXISTS"}),
        ("invalid", {"invalid: OK instead of INVALID_ARGUMENT", "invalid_rest: 200 instead of 400"}),
    ],
)
async def test_an_unexpected_success_fails(tmp_path, operation, told):
    """A service that takes what it has to refuse is found out by every such call."""
    async with world(Lax(), tmp_path) as made:
        made.nonsense = 200
        for _ in range(20):
            await made.operations.run(operation, 0.0)
    assert made.operations.window.unexpected.total() == 20
    assert set(made.operations.window.unexpected) == told


async def test_each_addition_of_a_batch_has_its_own_outcome(tmp_path):
    """Of a batch in which one addition is refused the others are acknowledged, with their positions."""
    fake = FakeTally()
    async with world(fake, tmp_path) as made:
        made.operations.positions.clear()
        fake.script = lambda _, request: refusal("ABORTED") if len(fake.seen) == 3 else None
        await made.operations.run("batch", 0.0)
    digest = made.log.digest()
    assert (digest.acked, digest.refused, digest.unknown) == (1 + 4, 1, 0)
    assert made.operations.window.codes["batch ABORTED"] == 1
    assert made.operations.window.unexpected == {"batch: ABORTED": 1}
    assert made.operations.positions


async def test_a_batch_without_an_answer_is_unknown_as_a_whole(tmp_path):
    """Each addition of a batch without an answer is of unknown outcome, so the verdict accepts either."""
    async with world(Silent(), tmp_path) as made:
        await made.operations.run("batch", 0.0)
    assert (made.log.digest().acked, made.log.digest().unknown) == (1, 5)
    assert made.operations.window.unexpected == {"batch: UNAVAILABLE": 1}


@pytest.mark.parametrize(("code", "wrong"), [(200, 0), (404, 0), (500, 1)])
async def test_an_addition_that_is_not_counted_yet_may_be_looked_up(tmp_path, code, wrong):
    """A look-up may be answered with 200 or 404, and anything else is unexpected."""
    async with world(FakeTally(), tmp_path) as made:
        made.rest = code
        await made.operations.run("lookup", 0.0)
    assert made.operations.window.unexpected.total() == wrong


async def test_a_duplicate_that_is_not_known_as_one_is_unexpected(tmp_path):
    """OK alone is not enough: the answer has to say that the id was there."""
    async with world(Lax(), tmp_path) as made:
        await made.operations.run("duplicate", 0.0)
    assert made.operations.window.unexpected == {"duplicate: not recognised": 1}


async def test_a_conflict_makes_the_addition_that_it_needs(tmp_path):
    """A conflict that is the first operation of a run makes the addition that it contradicts."""
    async with world(Strict(), tmp_path) as made:
        made.operations._known.clear()
        await made.operations.run("conflict", 0.0)
    assert made.operations.window.codes["conflict ALREADY_EXISTS"] == 1
    assert made.log.digest().acked == 2


async def test_no_more_requests_are_open_than_there_are_clients(tmp_path):
    """Users who wait for a client wait outside of httpx, whose queue costs more the longer it is."""
    async with world(FakeTally(), tmp_path) as made:
        made.rest = 0
        async with asyncio.TaskGroup() as users:
            for _ in range(3 * CLIENTS):
                users.create_task(made.operations.run("total", 0.0))
            while made.asked < CLIENTS:
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            assert made.asked == CLIENTS
            made.answering.set()
        assert made.operations.window.codes["total 200"] == 3 * CLIENTS
