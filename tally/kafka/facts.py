"""Questions to Kafka about a topic, outside the fetching: its cluster, the ends of its log and its identity.

Theory of operation. A consumer that never joins a group tells the cluster and the ends of logs: it looks for a
partition's leader again after an error, and a question of it that is too late is forgotten. Its isolation decides which
end it is told: the last stable offset, or with read_uncommitted the high watermark, so there is one for each. Only
admin clients know the topic's id (`tally.kafka.topic_admin`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tally.kafka.topic_admin import TopicAdmin
from tally.kafka.topic_identity import TopicIdentity
from tally.kafka.trouble import KafkaTroubleError, trouble


@dataclass(frozen=True, slots=True)
class LogEnds:
    """The first offset of a log and its last stable offset, up to which every transaction is decided."""

    start: int
    end: int


class TopicLogs:
    """Where the logs of a topic begin and end, and in which cluster. Every question has a deadline. Thread-safe."""

    def __init__(self, config: Mapping[str, str], topic: str, timeout_s: float) -> None:
        """``config`` is what every client shares."""
        self._reader = _asking(config, "read_committed")
        self._topic = topic
        self._timeout_s = timeout_s

    def cluster_id(self) -> str:
        """Return the cluster's id. Raises KafkaTroubleError."""
        try:
            found = self._reader.list_topics(self._topic, timeout=self._timeout_s).cluster_id
        except KafkaException as error:
            raise trouble("Kafka did not return the cluster's id", error) from error
        if not found:
            raise KafkaTroubleError("Kafka did not return the cluster's id")
        return str(found)

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        """Return the ends of several logs, one after the other. Raises KafkaTroubleError."""
        return {number: self._ends_of(self._reader, number) for number in partitions}

    def _ends_of(self, reader: Consumer, partition: int) -> LogEnds:
        place = TopicPartition(self._topic, partition)
        try:
            found = reader.get_watermark_offsets(place, timeout=self._timeout_s)
        except KafkaException as error:
            raise trouble(f"Kafka did not return the ends of {self._topic}", error) from error
        if found is None:
            raise KafkaTroubleError(f"Kafka did not return the ends of {self._topic} in {self._timeout_s:g} s")
        return LogEnds(*found)


def _asking(config: Mapping[str, str], isolation: str) -> Consumer:
    return Consumer(
        {
            **config,
            "group.id": "tally-reader-without-group",  # librdkafka wants one; nothing joins it
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "log_level": 0,  # the ingest loop's consumer tells the same about the brokers
        }
    )


class KafkaFacts(TopicLogs):
    """The topic's identity and high watermarks as well."""

    def __init__(self, config: Mapping[str, str], topic: str, timeout_s: float) -> None:
        """See TopicLogs."""
        super().__init__(config, topic, timeout_s)
        self._admin = TopicAdmin(config, topic, timeout_s)
        self._uncommitted_reader = _asking(config, "read_uncommitted")

    def topic(self) -> TopicIdentity:
        """Return the topic's identity at this moment. Raises KafkaTroubleError."""
        return self._admin.identity()

    def high_watermarks(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return where each log ends, records of open transactions included. Raises KafkaTroubleError."""
        return {number: self._ends_of(self._uncommitted_reader, number).end for number in partitions}
