"""Messages come in a few at a time."""

import asyncio
from typing import Any

from producer.core.refusals import Reason, Refusal
from producer.shell.intake import Intake

LONG_S = 60.0
PLACES = 3


class Caller:
    """A call whose message comes when the test sends it."""

    def __init__(self) -> None:
        self.message: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.read_now = False

    async def read(self) -> bytes:
        """Wait for the message."""
        self.read_now = True
        return await self.message


def begin(intake: Intake, caller: Any) -> "asyncio.Task[bytes | Refusal | None]":
    return asyncio.create_task(intake.read(caller, LONG_S))


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_messages_than_places_are_read_at_a_time() -> None:
    """While all places are taken nobody else is read, and each place that is left goes on."""
    intake = Intake(PLACES)
    callers = [Caller() for _ in range(10)]
    tasks = [begin(intake, caller) for caller in callers]
    read = 0
    while read < len(callers):
        await turns()
        now = [caller for caller in callers if caller.read_now and not caller.message.done()]
        assert 0 < len(now) <= PLACES
        now[0].message.set_result(b"x")
        read += 1
    assert await asyncio.gather(*tasks) == [b"x"] * len(callers)


async def test_senders_of_half_messages_lose_their_places_soon_when_others_wait() -> None:
    """Who does not send what it began is refused while others wait, with a reason that lets it come again."""
    intake = Intake(PLACES)
    slow = [begin(intake, Caller()) for _ in range(PLACES)]
    await turns()
    healthy = Caller()
    healthy.message.set_result(b"x")
    assert await begin(intake, healthy) == b"x"
    refused = [each for each in await asyncio.gather(*slow) if isinstance(each, Refusal)]
    assert [each.reason for each in refused] == [Reason.QUEUE_FULL] * PLACES


async def test_the_newest_waits_least() -> None:
    """A healthy caller gets the next place, however many senders of half messages came before it."""
    intake = Intake(PLACES)
    slow = [begin(intake, Caller()) for _ in range(10 * PLACES)]
    await turns()
    healthy = Caller()
    healthy.message.set_result(b"x")
    assert await begin(intake, healthy) == b"x"
    assert sum(each.done() for each in slow) <= PLACES
    for each in slow:
        each.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_in_a_crowd_the_last_readers_give_way_at_once_and_the_first_keep_their_time() -> None:
    """A healthy caller gets a place of the last quarter, while a large message still comes in at one of the others."""
    intake = Intake(8)
    slow = [begin(intake, Caller()) for _ in range(8)]
    await turns()
    healthy = Caller()
    healthy.message.set_result(b"x")
    assert await begin(intake, healthy) == b"x"
    assert {place for place, each in enumerate(slow) if each.done()} <= {6, 7}
    for each in slow:
        each.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_a_place_is_not_lost_with_a_caller_that_is_gone() -> None:
    """Whoever goes, while it is read or waits or is just called, leaves its place to the next."""
    intake = Intake(1)
    first, second, third = Caller(), Caller(), Caller()
    reads = [begin(intake, first)]
    await turns()
    reads += [begin(intake, third), begin(intake, second)]
    await turns()
    first.message.set_result(b"x")
    await asyncio.sleep(0)
    reads[2].cancel()
    third.message.set_result(b"z")
    assert await reads[1] == b"z"
    reads[0].cancel()
    fourth = Caller()
    going = begin(intake, fourth)
    await turns()
    going.cancel()
    last = Caller()
    last.message.set_result(b"y")
    assert await begin(intake, last) == b"y"


async def test_a_caller_that_goes_in_the_turn_in_which_others_go_is_forgotten() -> None:
    """Callers that go while they wait, in the very turn in which a place is left, leave nothing behind."""
    intake = Intake(1)
    reads = [begin(intake, Caller()) for _ in range(5)]
    await turns()
    for each in reads:
        each.cancel()
    gone = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(each) for each in gone] == [asyncio.CancelledError] * 5
    healthy = Caller()
    healthy.message.set_result(b"x")
    assert await begin(intake, healthy) == b"x"


async def test_a_message_that_never_comes_is_told_when_nobody_waits() -> None:
    """Alone, a caller has all the time there is, and is then told that no message came."""
    refused = await Intake(PLACES).read(Caller(), 0.01)  # type: ignore[arg-type]
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.UNREADABLE_REQUEST
