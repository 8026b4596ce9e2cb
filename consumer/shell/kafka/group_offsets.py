"""What a group has committed.

Theory of operation. librdkafka asks again and again for an offset in a transaction that is undecided, and until that
question's time is over it answers no later question of the same client, whatever partition that is about (librdkafka
2.16, seen). So who may wait long, and who must not, have a client each.
"""

import math
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumer.core.recovery import Absent, Committed, Known, Unreadable
from tally.kafka.errors import text_of
from tally.kafka.trouble import trouble
from tally.ledger.format import witness as witness_text


class GroupOffsets:
    """A reader of the group's offsets, which never joins it; every question has a deadline. Safe from several threads.

    The admin client can tell the same (list_consumer_group_offsets), but when such a request times out, librdkafka 2.16
    ends the whole process by a failed assertion once the broker is back (librdkafka issue 4605; seen at every restart
    of the broker).
    """

    def __init__(self, config: Mapping[str, str], topic: str, group: str, timeout_s: float) -> None:
        """``config`` is what every client shares."""
        self._reader = Consumer(
            {
                **config,
                "group.id": group,
                "isolation.level": "read_committed",  # makes Kafka withhold offsets of an undecided transaction
                "enable.auto.commit": False,
                "log_level": 0,  # the ingest loop's consumer tells the same about the brokers
            }
        )
        self._topic = topic
        self._group = group
        self._timeout_s = timeout_s

    def committed(self, partitions: Iterable[int], limit_s: float = math.inf) -> dict[int, Committed]:
        """Return what the group has committed, in ``limit_s`` or the usual time. Raises KafkaTroubleError, also while a
        transaction with an offset is undecided: that is never Absent."""
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            found = self._reader.committed(wanted, timeout=min(limit_s, self._timeout_s))
        except KafkaException as error:
            raise trouble(f"Kafka did not return the committed offsets of group {self._group}", error) from error
        return {entry.partition: _committed_of(entry) for entry in found}


def _committed_of(entry: TopicPartition) -> Committed:
    if entry.error is not None:
        return Unreadable(text_of(entry.error))
    if entry.offset < 0:
        return Absent()
    return Known(entry.offset, witness_text.decode(entry.metadata))
