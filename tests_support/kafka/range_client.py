"""A client of the Kafka in memory that reads partitions outside any group."""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice

from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError, KafkaException, Message, TopicPartition

from tally.kafka.read_range import OpenReader
from tests_support.kafka.broker import Broker, Log
from tests_support.kafka.faults import Faults


class FakeRangeClient:
    """`tally.kafka.read_range.ReaderClient`. It tells the end of a partition once, until more comes.

    What may go wrong: ``down`` and ``read``, at the beginning.
    """

    def __init__(self, broker: Broker, faults: Faults | None = None) -> None:
        self._broker = broker
        self._faults = faults or Faults()
        self._topic = ""
        self._at: dict[int, int] = {}
        self._told: dict[int, int] = {}

    def assign(self, partitions: list[TopicPartition], /) -> None:
        """See the port."""
        if said := self._faults.take("down") or self._faults.take("read"):
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, said))
        self._topic = partitions[0].topic
        self._at = {place.partition: place.offset for place in partitions}
        self._told.clear()

    def poll(self, timeout: float, /) -> Message | None:
        """See the port."""
        return next(iter(self.consume(1, timeout)), None)

    def consume(self, num_messages: int, timeout: float, /) -> list[Message]:
        """See the port; it never waits."""
        return list(islice(self._messages(), num_messages))

    def get_watermark_offsets(
        self, partition: TopicPartition, /, timeout: float = -1.0, cached: bool = False
    ) -> tuple[int, int] | None:
        """See the port."""
        log = self._broker.log(partition.partition, partition.topic)
        return 0, log.end if cached else log.last_stable

    def _messages(self) -> Iterator[Message]:
        for partition in sorted(self._at):
            log = self._broker.log(partition, self._topic)
            if self._at[partition] > log.end:
                yield self._event(KafkaError._AUTO_OFFSET_RESET, partition, self._at.pop(partition))
            else:
                yield from self._of(partition, log)

    def _of(self, partition: int, log: Log) -> Iterator[Message]:
        for entry in log.read_committed(self._at[partition]):
            if entry.offset in log.too_large:
                yield self._event(KafkaError._BAD_COMPRESSION, partition, entry.offset)
                return
            self._at[partition] = entry.offset + 1
            yield Message(
                topic=self._topic, partition=partition, offset=entry.offset, key=entry.key, value=entry.value,
                headers=list(entry.headers), timestamp=(TIMESTAMP_CREATE_TIME, entry.timestamp_ms),
            )  # fmt: skip
        end = log.last_stable
        if self._told.get(partition) != end:
            self._at[partition] = self._told[partition] = end
            yield self._event(KafkaError._PARTITION_EOF, partition, end)

    def _event(self, code: int, partition: int, offset: int) -> Message:
        return Message(topic=self._topic, partition=partition, offset=offset, error=KafkaError(code))


def opener(broker: Broker, faults: Faults | None = None) -> OpenReader:
    """Return what makes these clients, as `tally.kafka.read_range.reader` makes the real ones."""
    return lambda _config, _tuning=None: nullcontext(FakeRangeClient(broker, faults))
