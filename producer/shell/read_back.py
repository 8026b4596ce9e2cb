"""Reading a partition back: is a batch in the log for good, or aborted for good?

A transaction is whole or absent. Its records were delivered, so the place of each is known; read_committed shows them
there exactly when the transaction was committed, and what is there is settled once the last stable offset is past it
(a consumer reaches the end of the partition at the last stable offset, which its EOF event tells).
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from producer.core.lane_terms import Found, WasReadBack
from producer.core.ports import Place
from tally.kafka.config import READS_ANY_RECORD

_LIMIT_S = 5.0
_POLL_S = 0.2
_MESSAGES_MAX = 1_000


def reader_config(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a consumer that reads committed records from given offsets and joins no group."""
    return {
        **base,
        **READS_ANY_RECORD,
        "group.id": "tally-producer-reader",  # asked for by the client; nothing is ever committed
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        # The end of a partition is told by a fetch that finds nothing. At the default such a fetch waits 500 ms, which
        # every start of a producer and every resolved outcome would wait too (0.6 s instead of 0.1 s seen).
        "fetch.wait.max.ms": 20,
    }


def read_back(base: Mapping[str, Any], topic: str, places: Sequence[Place]) -> WasReadBack:
    """Look for each record at its place. Takes a few seconds at most; UNDECIDED when that was not enough."""
    wanted = {(place.partition, place.offset): place.key for place in places}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for place in places:
        first[place.partition] = min(place.offset, first.get(place.partition, place.offset))
        last[place.partition] = max(place.offset, last.get(place.partition, place.offset))
    until_s = time.monotonic() + _LIMIT_S
    found = 0
    consumer = Consumer(reader_config(base))
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in first.items()])
        while last:
            if time.monotonic() > until_s:
                return WasReadBack(Found.UNDECIDED, f"partitions {sorted(last)} were not read back in {_LIMIT_S} s")
            for message in consumer.consume(_MESSAGES_MAX, _POLL_S):
                partition, offset, error = message.partition(), message.offset(), message.error()
                assert partition is not None
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    return WasReadBack(Found.UNDECIDED, f"{error.name()}: {error.str()}")
                assert offset is not None
                if error is None and wanted.get((partition, offset)) == message.key():
                    found += 1
                # An EOF carries the next offset, a record its own.
                if offset > last.get(partition, offset) or (error is None and offset == last.get(partition)):
                    last.pop(partition, None)
    except KafkaException as error:
        return WasReadBack(Found.UNDECIDED, str(error))
    finally:
        consumer.close()
    if found == len(wanted):
        return WasReadBack(Found.ALL)
    return WasReadBack(Found.NONE if found == 0 else Found.SOME, f"{found} of {len(wanted)} records are committed")
