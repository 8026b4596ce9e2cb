"""What `tally.kafka.read_range` does on any Kafka: the scenarios that the one in memory and a real one both pass."""

from collections.abc import Callable, Sequence

import pytest

from producer.core.ports import LaneTransactions, Place
from tally.kafka.read_range import NotInTimeError, OutOfRangeError, read_range
from tally.kafka.transaction_port import Aborted, CommitReturned, Renewed
from tests_support.kafka.transaction_scenarios import World, delivered, name, records

SILENCE_S = 20.0
SHORT_S = 0.5


def opened(world: World) -> LaneTransactions:
    """Return a client that is ready to produce."""
    client = world.transactions(name())
    assert client.renew() == Renewed()
    return client


def starts_of(places: Sequence[Place]) -> dict[int, int]:
    """Return the first offset of each partition."""
    return {place.partition: min(p.offset for p in places if p.partition == place.partition) for place in places}


def ends_of(places: Sequence[Place]) -> dict[int, int]:
    """Return by partition the offset behind its last record."""
    return {place.partition: max(p.offset + 1 for p in places if p.partition == place.partition) for place in places}


def read(world: World, starts: dict[int, int], **how: object) -> set[Place]:
    """Return what is read from these offsets on."""
    how = {"silence_s": SILENCE_S, **how}
    found: set[Place] = set()
    with world.reading() as client:
        for messages in read_range(client, world.topic, starts, **how):  # type: ignore[arg-type] # as a scenario says
            for message in messages:
                key, partition, offset = message.key(), message.partition(), message.offset()
                assert isinstance(key, bytes)
                assert partition is not None
                assert offset is not None
                found.add(Place(key, partition, offset))
    return found


def committed_records_are_read_to_the_end(world: World) -> None:
    """From their first offsets on all records of a transaction come, and the reading ends by itself."""
    client = opened(world)
    places = delivered(client, records(7))
    assert client.commit(5.0) == CommitReturned()
    assert read(world, starts_of(places)) == set(places)
    client.close()


def one_record_at_a_time_is_the_same(world: World) -> None:
    """How much is taken at once changes nothing of what is read."""
    client = opened(world)
    places = delivered(client, records(5))
    assert client.commit(5.0) == CommitReturned()
    assert read(world, starts_of(places), at_once=1) == set(places)
    client.close()


def aborted_records_are_read_over(world: World) -> None:
    """Nothing of an aborted transaction comes, what is behind it does."""
    client = opened(world)
    aborted = delivered(client, records(3, (0,)))
    assert client.abort() == Aborted()
    assert client.renew() == Renewed()
    places = delivered(client, records(2, (0,)))
    assert client.commit(5.0) == CommitReturned()
    assert read(world, starts_of(aborted)) == set(places)
    client.close()


def an_open_transaction_is_the_end(world: World) -> None:
    """The reading ends at the last stable offset; whoever wants to know what is behind it waits, and not for ever."""
    client = opened(world)
    places = delivered(client, records(3))
    assert read(world, starts_of(places)) == set()
    with pytest.raises(NotInTimeError, match="were not read to their ends"):
        read(world, starts_of(places), until=ends_of(places), past_the_end=True, limit_s=SHORT_S)
    with pytest.raises(NotInTimeError, match="gave no record"):
        read(world, starts_of(places), until=ends_of(places), past_the_end=True, silence_s=SHORT_S)
    assert client.commit(5.0) == CommitReturned()
    assert read(world, starts_of(places), until=ends_of(places), past_the_end=True) == set(places)
    client.close()


def a_limit_ends_the_reading_before_the_end(world: World) -> None:
    """Nothing at or behind ``until`` comes, though it is there; a partition without a limit is read to its end."""
    client = opened(world)
    places = delivered(client, records(6, (0, 4)))
    assert client.commit(5.0) == CommitReturned()
    starts = starts_of(places)
    expected = {place for place in places if place.partition == 4 or place.offset == starts[0]}
    assert read(world, starts, until={0: starts[0] + 1}) == expected
    client.close()


def the_marker_of_a_transaction_reaches_a_limit(world: World) -> None:
    """Aborted records are proven absent by the end of the log behind them."""
    client = opened(world)
    places = delivered(client, records(3))
    assert client.abort() == Aborted()
    assert read(world, starts_of(places), until=ends_of(places), past_the_end=True) == set()
    client.close()


def an_offset_outside_the_log_is_told(world: World) -> None:
    """It is neither the end nor an empty partition."""
    client = opened(world)
    places = delivered(client, records(1, (0,)))
    assert client.commit(5.0) == CommitReturned()
    with pytest.raises(OutOfRangeError, match="partition 0"):
        read(world, {0: places[0].offset + 1_000_000})
    client.close()


RANGE_SCENARIOS: Sequence[Callable[[World], None]] = (
    committed_records_are_read_to_the_end,
    one_record_at_a_time_is_the_same,
    aborted_records_are_read_over,
    an_open_transaction_is_the_end,
    a_limit_ends_the_reading_before_the_end,
    the_marker_of_a_transaction_reaches_a_limit,
    an_offset_outside_the_log_is_told,
)
