"""A lane's transactional client: `tally.kafka.transactions`, and reading back whether a batch is in the log for good.

A transaction is whole or absent. Its records were delivered, so the place of each is known; read_committed shows them
there exactly when the transaction was committed, and what is there is settled once the last stable offset is past it
(a consumer reaches the end of the partition at the last stable offset, which its EOF event tells).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from producer.core.lane_events import Found, WasReadBack
from producer.core.ports import Place
from tally.base.fault_points import point
from tally.kafka.read_range import RangeError, read_range, reader
from tally.kafka.transactions import KafkaTransactions, Limits, TransactionPoints

_READ_BACK_LIMIT_S: Final = 5.0
_POINTS: Final = TransactionPoints(
    before_init=point("producer.before_init"),
    after_init=point("producer.after_init"),
    after_begin=point("producer.after_begin"),
    after_produce=point("producer.after_produce"),
    before_commit=point("producer.before_commit"),
    commit_unanswered=point("producer.commit_unanswered"),
    after_commit=point("producer.after_commit"),
    before_abort=point("producer.before_abort"),
    after_abort=point("producer.after_abort"),
)


class LaneClient(KafkaTransactions):
    """`producer.core.ports.LaneTransactions` on a real broker."""

    def __init__(self, config: Mapping[str, Any], consumer_config: Mapping[str, Any], topic: str) -> None:
        """Make nothing yet; ``config`` is `transactional_config`'s, ``consumer_config`` what any client needs."""
        limits = Limits(produce_s=int(config["message.timeout.ms"]) / 1000 + 1.0)
        super().__init__(config, topic, limits, _POINTS)
        self._consumer_config = consumer_config
        self._sums = topic

    def read_back(self, places: Sequence[Place]) -> WasReadBack:
        """See the port. Takes a few seconds at most; UNDECIDED when that was not enough."""
        wanted = {(place.partition, place.offset): place.key for place in places}
        first: dict[int, int] = {}
        until: dict[int, int] = {}
        for place in places:
            first[place.partition] = min(place.offset, first.get(place.partition, place.offset))
            until[place.partition] = max(place.offset + 1, until.get(place.partition, 0))
        found = 0
        try:
            with reader(self._consumer_config) as client:
                for messages in read_range(
                    client,
                    self._sums,
                    first,
                    until=until,
                    past_the_end=True,
                    silence_s=_READ_BACK_LIMIT_S,
                    limit_s=_READ_BACK_LIMIT_S,
                ):
                    standing = {(message.partition(), message.offset()): message.key() for message in messages}
                    found += sum(standing.get(place) == key for place, key in wanted.items())
        except RangeError as error:
            return WasReadBack(Found.UNDECIDED, str(error))
        if found == len(wanted):
            return WasReadBack(Found.ALL)
        return WasReadBack(Found.NONE if found == 0 else Found.SOME, f"{found} of {len(wanted)} records are committed")
