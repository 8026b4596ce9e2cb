"""What was never sent was never committed: which failures prove it, and how long a service is tried that was never
reached."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import pytest

from tally.client import Client, Committed, Refused, RetryPolicy, Unknown
from tally.client.outcomes import Addition
from tally.client.retry import RETRIED, Failure, gives_up
from tally.client.sending import Environment, Reply, Retry, settle
from tests_support.client.fake_tally import AddContext, FakeTally, serving
from tests_support.running.service_process import free_port

QUICK = RetryPolicy(deadline_s=60, attempt_timeout_s=20, backoff_base_s=0.001, backoff_cap_s=0.01)
THRICE = RetryPolicy(deadline_s=60, attempt_timeout_s=20, attempts_max=3, backoff_base_s=0.001, backoff_cap_s=0.01)
STATUSES = sorted(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK)
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
"""An empty SETTINGS frame of HTTP/2, with which a server's side begins."""
REFUSED_LIMIT_S = 15.0
"""For the 2 s after which a refused port fails, on a machine under load; the deadline is 60 s."""


@asynccontextmanager
async def speaking(said: bytes) -> AsyncIterator[str]:
    """Serve what answers the first bytes of a connection by these, waits for more, and closes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        if said:
            writer.write(said)
            await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class FirstThen:
    """A transport that fails once in one way, and from then on in another."""

    def __init__(self, first: Failure, then: Failure) -> None:
        self.contacted = True
        self.answers = [first, then]

    async def send(self, additions: Sequence[Addition], timeout_s: float) -> Sequence[Reply]:
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]] * len(additions)


def _failure(status: str, proof: str) -> Failure:
    unsent = proof == "unsent"
    return Failure(status, "scripted", not_committed=unsent or proof == "not-committed", unsent=unsent)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("proof", ["unsent", "not-committed", "sent"])
@pytest.mark.parametrize("later", ["unsent", "sent"])
async def test_possibly_committed_is_false_only_if_every_attempt_proves_it(status, proof, later):
    """For each status, first unsent, refused with a proof, or sent: one attempt without a proof leaves the doubt."""
    transport = FirstThen(_failure(status, proof), _failure("UNAVAILABLE", later))

    async def no_pause(_: float) -> None:
        return None

    [outcome] = await settle(transport, [Addition.of(1, 2)], THRICE, Environment(sleep=no_pause))
    if status not in RETRIED:
        assert isinstance(outcome, Refused)
        return
    assert isinstance(outcome, Unknown)
    assert outcome.possibly_committed == (proof == "sent" or later == "sent")


UNSENT_ANSWERS = {"closes at once": b"", "speaks HTTP/1": b"HTTP/1.1 400 Bad Request\r\n\r\n"}
SENT_ANSWERS = {
    "closes behind the request": SETTINGS,
    "resets the stream": SETTINGS + b"\0\0\4\3\0\0\0\0\1\0\0\0\7",
    "goes away": SETTINGS + b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0",
}


@pytest.mark.parametrize("said", UNSENT_ANSWERS.values(), ids=UNSENT_ANSWERS)
async def test_what_is_no_grpc_server_was_sent_nothing(said):
    """An address that accepts connections and does not speak gRPC is certainly not committed."""
    async with speaking(said) as target, Client(target, policy=THRICE) as client:
        outcome = await client.add(1, 2)
    assert isinstance(outcome, Unknown)
    assert not outcome.possibly_committed


@pytest.mark.parametrize("said", SENT_ANSWERS.values(), ids=SENT_ANSWERS)
async def test_a_connection_that_breaks_behind_the_request_leaves_a_doubt(said):
    """A closed connection, a reset stream and a GOAWAY behind the request are possibly committed."""
    async with speaking(said) as target, Client(target, policy=THRICE) as client:
        outcome = await client.add(1, 2)
    assert isinstance(outcome, Unknown)
    assert outcome.possibly_committed


@pytest.mark.parametrize("target", ["127.0.0.1:{port}", "dns:///127.0.0.1:{port}", "nowhere.invalid:{port}"])
async def test_a_refused_port_and_an_unknown_name_fail_soon_and_are_not_committed(target):
    """A service that was never reached is given up after 2 s, whatever the deadline, and nothing was committed."""
    began_s = time.monotonic()
    async with Client(target.format(port=free_port())) as client:
        outcome = await client.add(1, 2)
    assert time.monotonic() - began_s < REFUSED_LIMIT_S
    assert isinstance(outcome, Unknown)
    assert outcome.attempts > 1
    assert (outcome.status, outcome.possibly_committed) == ("UNAVAILABLE", False)


async def test_a_service_that_is_slow_to_connect_is_tried_to_the_deadline():
    """An address that takes connections and says nothing is not taken for one at which nobody is."""
    policy = RetryPolicy(deadline_s=60, backoff_base_s=0.001, backoff_cap_s=0.05, first_contact_s=0.001, attempts_max=3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with Client(f"127.0.0.1:{silent.getsockname()[1]}", policy=policy) as client:
            outcome = await client.add(1, 2)
    assert isinstance(outcome, Unknown)
    assert (outcome.attempts, outcome.possibly_committed) == (policy.attempts_max, False)


class Relaying(FakeTally):
    """Passes on what a proxy may say of a service behind it."""

    async def Add(self, request: object, context: AddContext) -> object:  # type: ignore[override]  # noqa: N802
        await context.abort(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; last error: refused")


async def test_a_server_that_says_it_cannot_connect_leaves_a_doubt():
    """gRPC's own words for a refused port prove nothing when a server said them."""
    async with serving(Relaying()) as target, Client(target, policy=THRICE) as client:
        outcome = await client.add(1, 2)
    assert isinstance(outcome, Unknown)
    assert outcome.possibly_committed


async def test_a_service_that_goes_away_is_tried_until_it_is_back():
    """After one answer, a service that is away for longer than a first contact may take is found again."""
    policy = RetryPolicy(deadline_s=60, attempt_timeout_s=2, backoff_cap_s=0.2, first_contact_s=0.2)
    port = free_port()
    long_away = asyncio.Event()
    away_s: list[float] = []

    def on_retry(_: Retry) -> None:
        away_s.append(time.monotonic())
        if away_s[-1] - away_s[0] > 3 * policy.first_contact_s:
            long_away.set()

    async with Client(f"127.0.0.1:{port}", policy=policy, environment=Environment(on_retry=on_retry)) as client:
        async with serving(FakeTally(), port):
            assert isinstance(await client.add(1, 2), Committed)
        call = asyncio.create_task(client.add(3, 4))
        await asyncio.wait_for(long_away.wait(), 30)
        async with serving(FakeTally(), port):
            outcome = await call
    assert isinstance(outcome, Committed)
    assert outcome.sum == "7"


async def test_ready_gives_a_refused_port_up_soon_and_a_slow_service_all_of_its_time():
    """Where nobody is, ready returns after first_contact_s; what is slow to connect is waited for to the time-out."""
    policy = RetryPolicy(first_contact_s=0.3)
    began_s = time.monotonic()
    async with Client(f"127.0.0.1:{free_port()}", policy=policy) as client:
        assert not await client.ready(60)
    assert time.monotonic() - began_s < REFUSED_LIMIT_S
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began_s = time.monotonic()
        async with Client(f"127.0.0.1:{silent.getsockname()[1]}", policy=policy) as client:
            assert not await client.ready(1.5)
        assert time.monotonic() - began_s >= 1.5


async def test_ready_waits_for_a_service_that_went_away():
    """After one answer, ready waits for a service that is away for longer than a first contact may take."""
    policy = RetryPolicy(first_contact_s=0.001)
    port = free_port()
    async with Client(f"127.0.0.1:{port}", policy=policy) as client:
        async with serving(FakeTally(), port):
            assert isinstance(await client.add(1, 2), Committed)
        async with asyncio.timeout(30):
            while await client.ready(0.3):  # until the client has heard that the connection is closed
                await asyncio.sleep(0)
        waiting = asyncio.create_task(client.ready(30))
        async with serving(FakeTally(), port):
            assert await waiting


async def test_a_service_that_was_ready_once_counts_as_reached():
    """After ready, retries last to the deadline although no addition was answered yet."""
    policy = RetryPolicy(deadline_s=60, backoff_base_s=0.001, backoff_cap_s=0.05, first_contact_s=0.001, attempts_max=5)
    port = free_port()
    async with Client(f"127.0.0.1:{port}", policy=policy) as client:
        async with serving(FakeTally(), port):
            assert await client.ready(10)
        outcome = await client.add(1, 2)
    assert isinstance(outcome, Unknown)
    assert outcome.attempts == policy.attempts_max


def test_giving_up_before_a_first_contact_never_takes_longer_than_the_deadline():
    """Before a first contact the shorter of first_contact_s and the deadline bounds the attempts."""
    policy = RetryPolicy(deadline_s=10, first_contact_s=2)
    assert not gives_up(policy, 1, 1.0, 0.5, contacted=False)
    assert gives_up(policy, 1, 1.5, 0.5, contacted=False)
    assert not gives_up(policy, 1, 1.5, 0.5, contacted=True)
    assert gives_up(RetryPolicy(deadline_s=1, first_contact_s=2), 1, 0.9, 0.2, contacted=False)


@pytest.mark.parametrize("target", ["", "127.0.0.1:0", "127.0.0.1:65536", "[::1]:999999"])
async def test_a_target_that_grpc_would_take_for_another_is_refused(target):
    """An empty target and a port outside 1 to 65535, which gRPC takes modulo 65536, raise ValueError."""
    with pytest.raises(ValueError, match="from 1 to 65535"):
        Client(target)


@pytest.mark.parametrize("target", [None, 50051, b"127.0.0.1:50051"])
async def test_a_target_that_is_no_text_is_refused(target):
    """A target that is no text raises TypeError."""
    with pytest.raises(TypeError, match="HOST:PORT"):
        Client(target)
