"""The client library against a scripted service."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import pytest
from google.rpc import error_details_pb2

from tally.client import (
    Addition,
    BlockingClient,
    Client,
    Committed,
    FieldViolation,
    Outcome,
    Refused,
    RetryPolicy,
    Unknown,
)
from tally.client.sending import Environment, Retry
from tally.generated.tally.v1 import tally_pb2
from tests_support.client.fake_tally import FakeTally, outcome_info, refusal, retry_info, serving

QUICK = RetryPolicy(deadline_s=60, attempt_timeout_s=20, backoff_base_s=0.001, backoff_cap_s=0.01)
HOPELESS = RetryPolicy(deadline_s=60, attempt_timeout_s=20, attempts_max=3, backoff_base_s=0.001, backoff_cap_s=0.01)


async def test_an_addition_that_is_committed_brings_its_exact_sum_and_place():
    """A committed addition gives its exact sum, whether it is a duplicate, and its place in the topic."""
    async with serving(FakeTally()) as target, Client(target) as client:
        outcome = await client.add(2, Decimal("40.5"))
    assert isinstance(outcome, Committed)
    assert (outcome.sum, outcome.duplicate, outcome.position.topic) == ("42.5", False, "tally.sums.v1")


@pytest.mark.parametrize("scheme", ["", "dns:///"])
async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch, scheme):
    """A service on this machine is called directly, even where the environment names a gRPC proxy."""
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("grpc_proxy", "http://127.0.0.1:1")
    async with serving(FakeTally()) as target, Client(scheme + target, policy=HOPELESS) as client:
        outcome = await client.add(2, 3)
    assert isinstance(outcome, Committed)


async def test_a_float_is_not_taken_because_it_is_not_exact():
    """A float as an operand raises TypeError, since its decimal value is not exact."""
    async with serving(FakeTally()) as target, Client(target) as client:
        with pytest.raises(TypeError, match="exact"):
            await client.add(0.1, 0.2)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL"])
async def test_a_retry_keeps_the_request_id_and_the_operands(status):
    """After any status that may pass, the same request id and operands are sent again until they are committed."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal(status) if seen < 3 else None
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcome = await client.add("1", "2")
    assert isinstance(outcome, Committed)
    assert fake.calls == [[outcome.request_id]] * 4
    assert fake.committed == {outcome.request_id: ("1", "2")}


async def test_a_lost_answer_is_asked_for_again_and_counted_once():
    """An addition whose answer is lost after its commit is sent again, found to be a duplicate, and committed once."""
    fake = FakeTally()
    fake.lose_answer = lambda seen, request: refusal("UNAVAILABLE") if seen == 0 else None
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcome = await client.add("1", "2")
    assert isinstance(outcome, Committed)
    assert outcome.duplicate
    assert len(fake.committed) == 1


async def test_a_refusal_for_good_is_told_with_its_fields_and_not_retried():
    """A final refusal is returned after one attempt, with status, reason and each wrong field."""
    fake = FakeTally()
    wrong = error_details_pb2.BadRequest(field_violations=[{"field": "a", "description": "10 digits after the point"}])
    fake.script = lambda seen, request: refusal("INVALID_ARGUMENT", "a is wrong", wrong)
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcome = await client.add("1.0000000001", "2")
    assert outcome == Refused(
        outcome.request_id, "INVALID_ARGUMENT", "a is wrong", (FieldViolation("a", "10 digits after the point"),)
    )
    assert len(fake.calls) == 1


async def test_no_final_answer_in_time_is_unknown_with_the_last_error():
    """An addition without a final answer is Unknown, with its last error, its attempts, and possibly committed."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE", f"attempt {seen}")
    async with serving(fake) as target, Client(target, policy=HOPELESS) as client:
        outcome = await client.add("1", "2")
    assert outcome == Unknown(outcome.request_id, "UNAVAILABLE", "attempt 2", 3, possibly_committed=True)


async def test_unknown_tells_when_every_attempt_was_proven_not_committed():
    """An Unknown outcome whose attempts were all proven not committed says so."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("ABORTED", "no", outcome_info("not-committed"))
    async with serving(fake) as target, Client(target, policy=HOPELESS) as client:
        outcome = await client.add("1", "2")
    assert isinstance(outcome, Unknown)
    assert not outcome.possibly_committed


async def test_one_doubtful_attempt_among_proven_ones_leaves_doubt():
    """One attempt without proof makes the outcome possibly committed, whatever the later attempts prove."""
    fake = FakeTally()
    fake.script = lambda seen, request: (
        refusal("UNAVAILABLE") if seen == 0 else refusal("ABORTED", "no", outcome_info("not-committed"))
    )
    async with serving(fake) as target, Client(target, policy=HOPELESS) as client:
        outcome = await client.add("1", "2")
    assert isinstance(outcome, Unknown)
    assert outcome.possibly_committed


async def test_a_final_answer_that_does_not_judge_the_request_after_a_doubtful_one_is_unknown():
    """A final status that says nothing of the request leaves the outcome Unknown after an attempt in doubt."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE" if seen == 0 else "PERMISSION_DENIED")
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcome = await client.add("1", "2")
    assert isinstance(outcome, Unknown)
    assert outcome.status == "PERMISSION_DENIED"


async def test_the_service_s_wish_when_to_come_back_is_honoured():
    """The pause before a retry is at least the delay that the service asks for in RetryInfo."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("RESOURCE_EXHAUSTED", "full", retry_info(1.5)) if seen == 0 else None
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    environment = Environment(sleep=sleep, random01=lambda: 0.0)
    async with serving(fake) as target, Client(target, policy=QUICK, environment=environment) as client:
        assert isinstance(await client.add("1", "2"), Committed)
    assert pauses == [1.5]


async def test_a_service_that_is_not_there_ends_as_unknown_and_an_observer_hears_of_each_retry():
    """Without a service the client is not ready, an addition ends as Unknown, and on_retry is called for each retry."""
    heard: list[Retry] = []
    environment = Environment(on_retry=heard.append)
    async with Client("127.0.0.1:1", policy=HOPELESS, environment=environment) as client:
        assert not await client.ready(0.2)
        outcome = await client.add("1", "2")
    assert isinstance(outcome, Unknown)
    assert outcome.status == "UNAVAILABLE"
    assert [retry.attempt for retry in heard] == [1, 2]


async def test_calls_that_wait_at_the_same_time_travel_together():
    """Fifty concurrent calls are sent as one batch, and each gets its own sum."""
    fake = FakeTally()
    async with serving(fake) as target, Client(target) as client:
        outcomes = await asyncio.gather(*(client.add(i, i) for i in range(50)))
    assert [len(call) for call in fake.calls] == [50]
    assert [o.sum for o in outcomes if isinstance(o, Committed)] == [str(2 * i) for i in range(50)]


async def test_a_batch_sends_only_what_has_no_final_answer_again():
    """A batch is repeated only with those additions that have no final answer, and results keep the given order."""
    fake = FakeTally()
    fake.script = lambda seen, request: (
        refusal("INVALID_ARGUMENT")
        if request.a == "1"
        else refusal("ABORTED")
        if request.a == "2" and seen == 0
        else None
    )
    additions = [Addition.of(i, 0) for i in range(4)]
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcomes = [outcome async for _, outcome in client.add_many(additions)]
    assert [type(o) for o in outcomes] == [Committed, Refused, Committed, Committed]
    assert fake.calls == [[a.request_id for a in additions], [additions[2].request_id]]


async def test_add_many_keeps_the_order_and_reads_no_further_than_its_windows():
    """Batches come back in order, and the source is read no further than the batches that may be in flight."""
    fake = FakeTally()
    read = 0

    def source() -> Iterator[Addition]:
        nonlocal read
        for read in range(1, 1001):
            yield Addition.of(read, 0)

    async with serving(fake) as target, Client(target, batch_max=10, batches_in_flight=3) as client:
        stream = client.add_batches(source())
        first = await anext(stream)
        await stream.aclose()
    assert [addition.a for addition, _ in first] == [str(i) for i in range(1, 11)]
    assert read <= 30


async def test_a_caller_that_is_cancelled_does_not_take_the_others_with_it():
    """Cancelling one call leaves another that shares its batch to be answered."""
    fake = FakeTally()
    async with serving(fake) as target, Client(target) as client:
        stays, goes = asyncio.create_task(client.add(1, 1)), asyncio.create_task(client.add(2, 2))
        await asyncio.sleep(0)
        goes.cancel()
        assert isinstance(await stays, Committed)
        with pytest.raises(asyncio.CancelledError):
            await goes
    assert len(fake.committed) == 2


class MixedUp(FakeTally):
    """Answers under another id than it was asked for."""

    def _answer(self, request: tally_pb2.AddRequest) -> tally_pb2.AddResponse:
        response = super()._answer(request)
        assert isinstance(response, tally_pb2.AddResponse)
        response.request_id = str(uuid4())
        return response


async def test_an_answer_for_another_id_is_never_taken_for_the_right_one():
    """An answer with another request id leaves the outcome Unknown, and the reason says that they do not match."""
    async with serving(MixedUp()) as target, Client(target, policy=HOPELESS) as client:
        outcome = await client.add("1", "2")
    assert isinstance(outcome, Unknown)
    assert "does not match" in outcome.reason


async def test_the_blocking_client_gives_the_same_outcomes_without_an_event_loop():
    """BlockingClient gives the sums of single and batched additions to a thread without an event loop."""
    fake = FakeTally()

    def work(target: str) -> list[object]:
        with BlockingClient(target, policy=QUICK) as client:
            return [client.add("2", "40.5"), *client.add_many([Addition.of(1, 1), Addition.of(2, 2)])]

    async with serving(fake) as target:
        outcomes = await asyncio.to_thread(work, target)
    assert [o.sum for o in outcomes if isinstance(o, Committed)] == ["42.5", "2", "4"]


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_request_id_may_be_a_uuid_or_its_text(blocking):
    """A UUID is taken wherever its text is: by add, by Addition.of and by Addition, sync and async."""
    fake = FakeTally()
    ids = [uuid4() for _ in range(3)]
    many = [Addition.of(1, 2, ids[1]), Addition(ids[2], "1", "2")]  # type: ignore[arg-type]

    def work(target: str) -> list[Outcome]:
        with BlockingClient(target, policy=QUICK) as client:
            return [client.add(1, 2, ids[0]), *client.add_many(many)]

    async with serving(fake) as target:
        if blocking:
            outcomes = await asyncio.to_thread(work, target)
        else:
            async with Client(target, policy=QUICK) as client:
                outcomes = [await client.add(1, 2, ids[0]), *[o async for _, o in client.add_many(many)]]
    assert [outcome.request_id for outcome in outcomes] == list(map(str, ids))
    assert set(fake.committed) == set(map(str, ids))


@pytest.mark.parametrize(
    ("request_id", "error", "text"),
    [
        (7, TypeError, "request_id is 7, a int; give a UUID or its text"),
        (b"c45facb5", TypeError, "a bytes; give a UUID or its text"),
        ("", ValueError, "request_id is empty; give a UUID, or None"),
        ("\ud800", ValueError, "request_id is '\\\\ud800', which is no Unicode text"),
    ],
)
async def test_a_request_id_that_is_neither_uuid_nor_text_is_refused_before_anything_is_sent(request_id, error, text):
    """What is no id raises an error that names it, and the calls that wait beside it are committed."""
    fake = FakeTally()
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        good, bad = await asyncio.gather(client.add(1, 2), client.add(1, 2, request_id), return_exceptions=True)
        with pytest.raises(error, match=text):
            raise bad  # type: ignore[misc]
        with pytest.raises(error, match=text):
            Addition(request_id, "1", "2")
    assert isinstance(good, Committed)
    assert list(fake.committed) == [good.request_id]


@pytest.mark.parametrize(("a", "error"), [("\udcff", ValueError), (1, TypeError), (None, TypeError)])
def test_an_operand_that_is_no_text_is_refused_by_name(a, error):
    """An Addition that is made of what is no text raises an error that names the operand."""
    with pytest.raises(error, match="a is"):
        Addition(str(uuid4()), a, "2")


async def test_what_is_no_addition_is_refused_by_name():
    """add_many raises TypeError for an element that is no Addition, and says what to give."""
    async with serving(FakeTally()) as target, Client(target, policy=QUICK) as client:
        with pytest.raises(TypeError, match=r"\('1', '2'\) is a tuple; give Additions"):
            [_ async for _ in client.add_many([("1", "2")])]  # type: ignore[list-item]


def test_a_decimal_of_a_huge_exponent_costs_no_memory():
    """A Decimal far outside the contract becomes a short text, which the service refuses, and not a gigabyte."""
    assert Addition.of(Decimal("1E+999999999"), Decimal("1E-999999999")).a == "1E+999999999"
    assert Addition.of(Decimal("1E+40"), 0).a == "1" + "0" * 40
