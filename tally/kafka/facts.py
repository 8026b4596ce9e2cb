"""Questions to Kafka about a topic, outside the fetching: its identity, its cluster and the ends of its log."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from tally.kafka.errors import KafkaTroubleError, trouble

_RENEWALS_APART_S: Final = 1.0
_EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # the package annotates neither
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]


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


class KafkaFacts:
    """An admin client; every question has a deadline. Safe from several threads.

    After an error the admin client is replaced: its idea of the partitions' leaders is not refreshed by
    ``list_offsets``, which after a broker's restart answers FENCED_LEADER_EPOCH for ever (seen). Who asks keeps the
    client alive until the answer: one that is destroyed earlier leaves some questions without any (seen).
    """

    def __init__(self, config: Mapping[str, str], topic: str, timeout_s: float) -> None:
        """``config`` is what every client shares."""
        self._config: dict[str, str | int | float | bool] = dict(config)
        self._admin = AdminClient(self._config)
        self._made_at_s = time.monotonic()
        self._topic = topic
        self._timeout_s = timeout_s

    def cluster_id(self) -> str:
        """Return the cluster's id. Raises KafkaTroubleError."""
        admin = self._admin
        return str(self._answer(admin.describe_cluster(request_timeout=self._timeout_s), "its id").cluster_id)

    def topic(self) -> TopicIdentity:
        """Return the topic's identity at this moment (1.3 ms seen). Raises KafkaTroubleError, TopicMissingError."""
        what = f"the id of topic {self._topic}"
        admin = self._admin
        asked = admin.describe_topics(TopicCollection([self._topic]), request_timeout=self._timeout_s)
        try:
            found = asked[self._topic].result(timeout=self._timeout_s + 1)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise TopicMissingError(f"the cluster has no topic {self._topic}") from error
            self._renew()
            raise trouble(f"Kafka did not tell {what}", error) from error
        except TimeoutError as error:
            raise KafkaTroubleError(f"Kafka did not tell {what} in {self._timeout_s} s") from error
        return TopicIdentity(str(found.topic_id), len(found.partitions))

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        """Return the ends of several logs in two requests. Raises KafkaTroubleError."""
        numbers = list(partitions)
        starts = self._list_offsets(numbers, _EARLIEST)
        ends = self._list_offsets(numbers, _LATEST)
        return {number: LogEnds(starts[number], ends[number]) for number in numbers}

    def _list_offsets(self, partitions: list[int], which: OffsetSpec) -> dict[int, int]:
        admin = self._admin
        futures = admin.list_offsets(
            {TopicPartition(self._topic, number): which for number in partitions},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self._timeout_s,
        )
        return {
            place.partition: self._answer(future, f"the ends of {self._topic}").offset
            for place, future in futures.items()
        }

    def _answer(self, future: "Future[Any]", what: str) -> Any:
        try:
            # librdkafka keeps the request's own deadline; the second on top is for its thread to say so.
            return future.result(timeout=self._timeout_s + 1)
        except KafkaException as error:
            self._renew()
            raise trouble(f"Kafka did not tell {what}", error) from error
        except TimeoutError as error:
            raise KafkaTroubleError(f"Kafka did not tell {what} in {self._timeout_s} s") from error

    def _renew(self) -> None:
        """Take a new admin client, at most once a second; two threads that do so at once do no harm."""
        now_s = time.monotonic()
        if now_s - self._made_at_s >= _RENEWALS_APART_S:
            self._made_at_s = now_s
            self._admin = AdminClient(self._config)
