"""Where and how long a client may be used: one clear error instead of a wait that never ends."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tally.client import Addition, BlockingClient, Client, ClientUseError, Committed, RetryPolicy
from tally.client.history import HistoryError
from tests_support.client.fake_tally import FakeTally, refusal, serving

ROOT = Path(__file__).parents[3]
QUICK = RetryPolicy(deadline_s=60, attempt_timeout_s=20, backoff_base_s=0.001, backoff_cap_s=0.01)
FORK_LIMIT_S = 60
"""Far above what a fork takes, so that only a hang reaches it."""


async def _all_of(client: Client) -> None:
    async for _ in client.add_many([Addition.of(1, 2)]):
        pass


async def _enter(client: Client) -> None:
    async with client:
        pass


METHODS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "add": lambda client: client.add(1, 2),
    "add_many": _all_of,
    "ready": lambda client: client.ready(1),
    "async with": _enter,
}
BLOCKING_METHODS: dict[str, Callable[[BlockingClient], object]] = {
    "add": lambda client: client.add(1, 2),
    "add_many": lambda client: client.add_many([Addition.of(1, 2)]),
    "with": lambda client: client.__enter__(),
}


@pytest.mark.parametrize("method", METHODS)
async def test_a_closed_client_says_so_in_every_method(method):
    """After close, every method of Client raises ClientUseError, and a second close does nothing."""
    async with serving(FakeTally()) as target:
        client = Client(target)
        assert isinstance(await client.add(1, 2), Committed)
        await client.close()
        await client.close()
        with pytest.raises(ClientUseError, match="closed: make a new one"):
            await METHODS[method](client)


@pytest.mark.parametrize("method", BLOCKING_METHODS)
async def test_a_closed_blocking_client_says_so_in_every_method(method):
    """After close, every method of BlockingClient raises ClientUseError, and a second close does nothing."""

    def work(target: str) -> None:
        client = BlockingClient(target)
        assert isinstance(client.add(1, 2), Committed)
        client.close()
        client.close()
        with pytest.raises(ClientUseError, match="closed: make a new one"):
            BLOCKING_METHODS[method](client)

    async with serving(FakeTally()) as target:
        await asyncio.to_thread(work, target)


@pytest.mark.parametrize("method", [*METHODS, "close"])
@pytest.mark.parametrize("ended", [True, False])
async def test_a_client_in_another_event_loop_says_so_in_every_method(method, ended):
    """In a loop that is not its own, whether that has ended or runs, each method raises ClientUseError."""
    async with serving(FakeTally()) as target:
        client = Client(target, policy=QUICK)
        if ended:
            await asyncio.to_thread(lambda: asyncio.run(_committed(client)))
        else:
            await _committed(client)

        async def elsewhere() -> None:
            await (client.close() if method == "close" else METHODS[method](client))

        with pytest.raises(ClientUseError, match="has ended: make a" if ended else "is another one: make a"):
            await asyncio.to_thread(lambda: asyncio.run(elsewhere()))


async def _committed(client: Client) -> None:
    assert isinstance(await client.add(1, 2), Committed)


async def test_a_client_may_be_made_before_its_event_loop():
    """A client made where no event loop runs belongs to the loop of its first call."""
    async with serving(FakeTally()) as target:
        client = await asyncio.to_thread(Client, target)
        assert isinstance(await client.add(1, 2), Committed)
        await client.close()


async def test_close_waits_for_batches_under_way():
    """Close waits for the batches that add_batches has sent, and these are committed."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("ABORTED") if seen < 3 else None
    async with serving(fake) as target:
        client = Client(target, policy=QUICK, batch_max=2)
        stream = client.add_batches([Addition.of(i, 0) for i in range(4)])
        reader = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)  # lets the first batch leave
        await client.close()
        assert [type(outcome) for _, outcome in await reader] == [Committed, Committed]


async def test_close_of_a_blocking_client_leaves_no_call_without_an_outcome():
    """While other threads add, close lets each call return an outcome or raise ClientUseError; none waits on."""

    def work(target: str) -> None:
        client = BlockingClient(target, policy=QUICK)
        ended: list[str] = []
        begun = threading.Barrier(9)

        def call() -> None:
            begun.wait(FORK_LIMIT_S)
            try:
                while True:
                    assert isinstance(client.add(1, 2), Committed)
            except ClientUseError:
                ended.append("told")

        threads = [threading.Thread(target=call, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        begun.wait(FORK_LIMIT_S)
        client.close()
        for thread in threads:
            thread.join(FORK_LIMIT_S)
        assert ended == ["told"] * 8

    async with serving(FakeTally()) as target:
        await asyncio.to_thread(work, target)


async def test_additions_that_call_the_client_themselves_do_not_hang():
    """add_many takes an iterable that adds by the same client while it is read."""

    def work(target: str) -> list[object]:
        def additions() -> Iterator[Addition]:
            yield Addition.of(client.add(1, 2).sum, 4)  # type: ignore[union-attr]

        with BlockingClient(target, policy=QUICK) as client:
            return list(client.add_many(additions()))

    async with serving(FakeTally()) as target:
        [outcome] = await asyncio.to_thread(work, target)
    assert isinstance(outcome, Committed)
    assert outcome.sum == "7"


def test_a_blocking_client_that_cannot_be_made_leaves_no_thread(tmp_path):
    """A history that cannot be used raises HistoryError, and no thread of the client stays behind."""
    before = set(threading.enumerate())
    with pytest.raises(HistoryError):
        BlockingClient("127.0.0.1:1", history=tmp_path)
    assert "tally-client" not in {thread.name for thread in set(threading.enumerate()) - before}


FORKING = """
import gc, os, sys, traceback
from tally import BlockingClient, Client, ClientUseError, Committed

def child(act):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            sys.stdout.flush()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0

def told(method, text):
    try:
        method()
    except ClientUseError as error:
        assert text in str(error), error
        assert "spawn" in str(error), error
    else:
        raise AssertionError("nothing was told")

target = sys.argv[1]
"""
OLD_CLIENT = """
client = BlockingClient(target)
assert isinstance(client.add(1, 2), Committed)

def act():
    global client
    told(lambda: client.add(1, 2), "made before a fork")
    told(lambda: client.add_many([]), "made before a fork")
    told(client.__enter__, "made before a fork")
    client.close()
    client = None
    gc.collect()
    print("child ends")

child(act)
assert isinstance(client.add(1, 2), Committed)
client.close()
"""
NEW_CLIENT_BESIDE_AN_OPEN_ONE = """
client = BlockingClient(target)
assert isinstance(client.add(1, 2), Committed)

def act():
    with BlockingClient(target) as new:
        told(lambda: new.add(1, 2), "forked while a client was open")
    child(lambda: told(lambda: BlockingClient(target).add(1, 2), "forked while a client was open"))
    print("child ends")

child(act)
client.close()
"""
NEW_CLIENT_AFTER_CLOSE = """
client = BlockingClient(target)
assert isinstance(client.add(1, 2), Committed)
client.close()

def act():
    with BlockingClient(target) as new:
        assert isinstance(new.add(1, 2), Committed)
    told(lambda: client.add(1, 2), "made before a fork")
    print("child ends")

child(act)
"""
UNUSED_CLIENT = """
client = BlockingClient(target)

def act():
    told(lambda: client.add(1, 2), "made before a fork")
    with BlockingClient(target) as new:
        assert isinstance(new.add(1, 2), Committed)
    print("child ends")

child(act)
client.close()
"""
INSIDE_A_LOOP = """
import asyncio

async def main():
    async with Client(target) as client:
        assert isinstance(await client.add(1, 2), Committed)

        def act():
            told(lambda: client.add(1, 2).send(None), "made before a fork")
            told(lambda: client.ready(1).send(None), "made before a fork")
            told(lambda: anext(client.add_many([])).send(None), "made before a fork")
            try:
                client.close().send(None)
            except StopIteration:
                print("child ends")

        child(act)
        assert isinstance(await client.add(1, 2), Committed)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "program", [OLD_CLIENT, NEW_CLIENT_BESIDE_AN_OPEN_ONE, NEW_CLIENT_AFTER_CLOSE, UNUSED_CLIENT, INSIDE_A_LOOP]
)
async def test_a_fork_is_told_and_never_waited_for(program):
    """In a forked child an old client, and a new one beside an open one, raise ClientUseError, and the child ends."""
    async with serving(FakeTally()) as target:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", FORKING + program, target],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=FORK_LIMIT_S,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "child ends\n"), done.stderr
