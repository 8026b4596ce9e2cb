"""The delivery reports of one transaction, by one callback for all of its records.

A report does not say which record it is about, and a callback for each record would cost twice as much as producing it.
Neither is needed: an idempotent producer's records stand in the log in the order in which they were produced, since the
broker refuses a sequence number out of turn. So a partition's n-th record has the n-th of its offsets.
"""

from collections import defaultdict
from collections.abc import Sequence

from confluent_kafka import KafkaError, Message

from tally.kafka.transaction_port import Outgoing


class DeliveryReports:
    """What was reported so far: ``failures``, and the offsets of the records that were delivered."""

    def __init__(self) -> None:
        self.failures: list[KafkaError] = []
        self._offsets: defaultdict[int, list[int]] = defaultdict(list)

    def take_in(self, error: KafkaError | None, message: Message) -> None:
        """Take one report; this is the client's callback."""
        if error is None:
            self._offsets[message.partition()].append(message.offset())  # type: ignore[index, arg-type] # never None
        else:
            self.failures.append(error)

    @property
    def places(self) -> int:
        """How many places in the log are known to hold a record; an offset of -1 means that the place is unknown."""
        return sum(len({offset for offset in offsets if offset >= 0}) for offsets in self._offsets.values())

    def offsets_of(self, records: Sequence[Outgoing]) -> list[int]:
        """Return the offset of each record of the transaction; every one of them must have a place."""
        in_order = {partition: iter(sorted(offsets)) for partition, offsets in self._offsets.items()}
        return [next(in_order[record.partition]) for record in records]
