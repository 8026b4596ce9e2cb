"""Questions to Kafka outside the fetching: identities, the ends of the log, what the group has committed."""

import math
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from consumer.core import witness as witness_text
from consumer.core.recovery import Absent, Committed, Known, Unreadable
from consumer.shell.kafka_errors import KafkaTroubleError, text_of

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
    """An admin client and a reader of the group's offsets; every question has a deadline. Safe from several threads.

    After an error the admin client is replaced: its idea of the partitions' leaders is not refreshed by
    ``list_offsets``, which after a broker's restart answers FENCED_LEADER_EPOCH for ever (seen). Who asks keeps the
    client alive until the answer: one that is destroyed earlier leaves some questions without any (seen).
    """

    def __init__(self, config: Mapping[str, str], topic: str, group: str, timeout_s: float) -> None:
        """``config`` is what every client shares."""
        self._config: dict[str, str | int | float | bool] = dict(config)
        self._admin = AdminClient(self._config)
        self._made_at_s = time.monotonic()
        # It never joins the group. The admin client can tell the same (list_consumer_group_offsets), but when such a
        # request times out, librdkafka 2.16 ends the whole process by a failed assertion once the broker is back
        # (librdkafka issue 4605; seen at every restart of the broker). read_committed makes Kafka withhold offsets of
        # an undecided transaction.
        self._group_reader = Consumer(
            {
                **config,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "log_level": 0,  # the ingest loop's consumer tells the same about the brokers
            }
        )
        self._topic = topic
        self._group = group
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
            raise KafkaTroubleError(f"Kafka did not tell {what}: {text_of(error)}") from error
        except TimeoutError as error:
            raise KafkaTroubleError(f"Kafka did not tell {what} in {self._timeout_s} s") from error
        return TopicIdentity(str(found.topic_id), len(found.partitions))

    def committed(self, partitions: Iterable[int], limit_s: float = math.inf) -> dict[int, Committed]:
        """Return what the group has committed, in ``limit_s`` or the usual time. Raises KafkaTroubleError, also while a
        transaction with an offset is undecided: that is never Absent."""
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            found = self._group_reader.committed(wanted, timeout=min(limit_s, self._timeout_s))
        except KafkaException as error:
            what = f"the committed offsets of group {self._group}"
            raise KafkaTroubleError(f"Kafka did not tell {what}: {text_of(error)}") from error
        return {entry.partition: _committed_of(entry) for entry in found}

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
            raise KafkaTroubleError(f"Kafka did not tell {what}: {text_of(error)}") from error
        except TimeoutError as error:
            raise KafkaTroubleError(f"Kafka did not tell {what} in {self._timeout_s} s") from error

    def _renew(self) -> None:
        """Take a new admin client, at most once a second; two threads that do so at once do no harm."""
        now_s = time.monotonic()
        if now_s - self._made_at_s >= _RENEWALS_APART_S:
            self._made_at_s = now_s
            self._admin = AdminClient(self._config)


def _committed_of(entry: TopicPartition) -> Committed:
    if entry.error is not None:
        return Unreadable(text_of(entry.error))
    if entry.offset < 0:
        return Absent()
    return Known(entry.offset, witness_text.decode(entry.metadata))
