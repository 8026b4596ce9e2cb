"""Reading a partition back: is a batch in the log for good, or aborted for good?

A transaction is whole or absent. Its records were delivered, so the place of each is known; read_committed shows them
there exactly when the transaction was committed, and what is there is settled once the last stable offset is past it
(a consumer reaches the end of the partition at the last stable offset, which its EOF event tells).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from producer.core.lane_events import Found, WasReadBack
from producer.core.ports import Place
from tally.kafka.read_range import RangeError, read_range, reader

_LIMIT_S: Final = 5.0


def read_back(base: Mapping[str, Any], topic: str, places: Sequence[Place]) -> WasReadBack:
    """Look for each record at its place. Takes a few seconds at most; UNDECIDED when that was not enough."""
    wanted = {(place.partition, place.offset): place.key for place in places}
    first: dict[int, int] = {}
    until: dict[int, int] = {}
    for place in places:
        first[place.partition] = min(place.offset, first.get(place.partition, place.offset))
        until[place.partition] = max(place.offset + 1, until.get(place.partition, 0))
    found = 0
    try:
        with reader(base) as client:
            for messages in read_range(
                client, topic, first, until=until, past_the_end=True, silence_s=_LIMIT_S, limit_s=_LIMIT_S
            ):
                standing = {(message.partition(), message.offset()): message.key() for message in messages}
                found += sum(standing.get(place) == key for place, key in wanted.items())
    except RangeError as error:
        return WasReadBack(Found.UNDECIDED, str(error))
    if found == len(wanted):
        return WasReadBack(Found.ALL)
    return WasReadBack(Found.NONE if found == 0 else Found.SOME, f"{found} of {len(wanted)} records are committed")
