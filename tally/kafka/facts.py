"""Questions to Kafka about a topic, outside the fetching: its identity, its cluster and the ends of its log.

Theory of operation. A consumer that never joins a group tells the cluster and the ends of logs: it looks for a
partition's leader again after an error, and a question of it that is too late is forgotten. The topic's id is known to
admin clients only. One is made, for good, and it has one question in flight: an answer that comes when nobody waits for
it any more is the one thing at which librdkafka was seen to end the process (docs/LIMITS.md).
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, TopicDescription

from tally.kafka.trouble import KafkaTroubleError, trouble


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """A topic as the cluster has it now. ``topic_id`` never returns once its topic is deleted."""

    topic_id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class LogEnds:
    """The first offset of a log and its last stable offset, up to which every transaction is decided."""

    start: int
    end: int


class TopicMissingError(Exception):
    """The cluster has no such topic."""


class TopicLogs:
    """Where the logs of a topic begin and end. Every question has a deadline. Safe from several threads."""

    def __init__(self, config: Mapping[str, str], topic: str, timeout_s: float) -> None:
        """``config`` is what every client shares."""
        self._reader = Consumer(
            {
                **config,
                "group.id": "tally-reader-without-group",  # librdkafka wants one; nothing joins it
                "isolation.level": "read_committed",  # the end of a log is then its last stable offset
                "enable.auto.commit": False,
                "log_level": 0,  # the ingest loop's consumer tells the same about the brokers
            }
        )
        self._topic = topic
        self._timeout_s = timeout_s

    def cluster_id(self) -> str:
        """Return the cluster's id. Raises KafkaTroubleError."""
        try:
            found = self._reader.list_topics(self._topic, timeout=self._timeout_s).cluster_id
        except KafkaException as error:
            raise trouble("Kafka did not tell its id", error) from error
        if not found:
            raise KafkaTroubleError("Kafka did not tell its id")
        return str(found)

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        """Return the ends of several logs, one after the other. Raises KafkaTroubleError."""
        return {number: self._ends_of(number) for number in partitions}

    def _ends_of(self, partition: int) -> LogEnds:
        place = TopicPartition(self._topic, partition)
        try:
            found = self._reader.get_watermark_offsets(place, timeout=self._timeout_s)
        except KafkaException as error:
            raise trouble(f"Kafka did not tell the ends of {self._topic}", error) from error
        if found is None:
            raise KafkaTroubleError(f"Kafka did not tell the ends of {self._topic} in {self._timeout_s} s")
        return LogEnds(*found)


class KafkaFacts(TopicLogs):
    """The topic's identity as well. See the module's theory of operation."""

    def __init__(self, config: Mapping[str, str], topic: str, timeout_s: float) -> None:
        """See TopicLogs."""
        super().__init__(config, topic, timeout_s)
        self._admin = AdminClient(dict(config))
        self._turn = threading.Lock()
        self._unanswered: Future[TopicDescription] | None = None

    def topic(self) -> TopicIdentity:
        """Return the topic's identity at this moment (1.3 ms seen). Raises KafkaTroubleError, TopicMissingError."""
        with self._one_at_a_time():
            wanted = TopicCollection([self._topic])
            asked = self._admin.describe_topics(wanted, request_timeout=self._timeout_s)[self._topic]
            try:
                # librdkafka keeps the request's own deadline; the second on top is for its thread to say so.
                found = asked.result(timeout=self._timeout_s + 1)
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise TopicMissingError(f"the cluster has no topic {self._topic}") from error
                raise trouble(f"Kafka did not tell the id of topic {self._topic}", error) from error
            except TimeoutError as error:
                self._unanswered = asked
                raise self._late() from error
        return TopicIdentity(str(found.topic_id), len(found.partitions))

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self._timeout_s):
            raise self._late()
        try:
            if self._unanswered is not None and not self._unanswered.done():
                raise self._late()
            self._unanswered = None
            yield
        finally:
            self._turn.release()

    def _late(self) -> KafkaTroubleError:
        return KafkaTroubleError(f"Kafka did not tell the id of topic {self._topic} in {self._timeout_s} s")
