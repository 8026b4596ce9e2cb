"""The feed of totals: who listens sees the newest one, nobody holds up anybody, and everything is bounded."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from consumer.core.partition.state import Running
from consumer.core.snapshot import Figures, Outside, Own, Snapshot, Total
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.feed import SLOW_S, STOPPING, TOO_SLOW, Feed, TooManyListenersError
from tally.event.decimals import text_of
from tally.ledger.state.counts import Counts
from tests_support.waiting import eventually_async

LISTENERS_MAX = 2
SOON_S = 10.0


@dataclass
class World:
    """A board whose total a test moves, a feed of it, and the feed's clock."""

    board: SnapshotBoard = field(default_factory=lambda: SnapshotBoard(1, waiters_max=1))
    rendered: list[Total] = field(default_factory=list)
    now_s: float = 0.0
    versions: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.show(0)
        self.feed = Feed(self.board, self.render, LISTENERS_MAX, lambda: self.now_s)

    def render(self, total: Total) -> str:
        self.rendered.append(total)
        return text_of(total.counts.total)

    def show(self, total: int) -> None:
        own = Own(0, Running(), Figures(1, Counts(1, total=total * 10**9)))
        self.board.publish(Snapshot(next(self.versions), (own,), assigned=True))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    made.feed.close()


async def test_a_listener_has_the_total_at_once_and_each_newer_one_without_being_asked(world: World) -> None:
    """A listener gets the current total as soon as it opens, and every newer total as soon as that is published."""
    listener = world.feed.open()
    assert await listener.take(SOON_S) == "0"
    world.show(7)
    assert await listener.take(SOON_S) == "7"


async def test_a_slow_listener_skips_to_the_newest_and_all_share_one_text(world: World) -> None:
    """A listener that missed several totals gets only the newest, and each total is rendered once for all listeners."""
    first, second = world.feed.open(), world.feed.open()
    for total in (1, 2, 3):
        world.show(total)
        world.feed.look()
    assert (await first.take(SOON_S), await second.take(SOON_S)) == ("3", "3")
    assert len(world.rendered) == 4


async def test_what_leaves_the_total_as_it_is_says_nothing(world: World) -> None:
    """A new snapshot with the same total sends listeners nothing, and does not end their streams."""
    listener = world.feed.open()
    await listener.take(SOON_S)
    world.show(0)
    world.board.publish_outside(Outside(committed={0: 1}))
    world.feed.look()
    assert await listener.take(0) is None
    assert listener.ended is None


async def test_listeners_are_bounded_and_one_that_leaves_makes_room(world: World) -> None:
    """A listener beyond the limit is refused, and is let in once another has left."""
    places = [world.feed.open() for _ in range(LISTENERS_MAX)]
    with pytest.raises(TooManyListenersError, match="2 callers are listening already"):
        world.feed.open()
    world.feed.leave(places[0])
    world.feed.open()


async def test_one_that_takes_nothing_loses_its_place_and_still_reads_why(world: World) -> None:
    """A listener that takes nothing for too long loses its place and is told why, and a quick one keeps its place."""
    slow, quick = world.feed.open(), world.feed.open()
    assert await quick.take(SOON_S) == "0"
    world.now_s += SLOW_S + 1
    world.feed.look()
    assert len(world.feed) == 1
    assert (await slow.take(SOON_S), slow.ended) == (None, TOO_SLOW)
    assert quick.ended is None


async def test_a_feed_that_closes_ends_everybody_and_lets_nobody_in(world: World) -> None:
    """A feed that closes ends every listener with the reason, and refuses new ones."""
    listener = world.feed.open()
    world.feed.close()
    assert (await listener.take(SOON_S), listener.ended) == (None, STOPPING)
    with pytest.raises(TooManyListenersError, match="ending"):
        world.feed.open()


async def test_nobody_looks_at_the_board_when_nobody_listens(world: World) -> None:
    """The task that watches the board runs only while somebody listens, so an unused feed costs nothing."""

    def looking() -> bool:
        return any("Feed._run" in repr(task) for task in asyncio.all_tasks())

    listener = world.feed.open()
    assert looking()
    world.feed.leave(listener)
    await eventually_async(lambda: not looking(), SOON_S)
