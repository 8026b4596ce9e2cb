"""Publishing poison: dead letters and the offset that covers them, in one transaction.

Theory of operation. A publication is tried once a call and its outcome is one of two:

    Published      the group's committed offset covers the poison, so the dead letters are in the topic, once
    NotPublished   it is not known or not so: call again later with the same publication

A partition's producer (transactional id ``tally-dlt-<partition>``) is kept after a clean commit and thrown away after
anything else. A new instance first calls ``init_transactions``, which ends whatever the old one left open, and only
then is the committed offset read: if it moved, the old transaction had been committed and nothing is published again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from loguru import logger

from consumer.core.recovery import Absent, Known, Unreadable
from consumer.shell.group_offsets import GroupOffsets
from contracts.generated.topics import SUMS_DLT
from tally.base.fault_points import point
from tally.event.dead_letter import WHOLE_BYTES_MAX, DeadRecord, Letter, dead_record
from tally.kafka.errors import KafkaTroubleError, cure_of, text_of, trouble

_BEFORE_COMMIT, _AFTER_COMMIT = point("consumer.letters_before_commit"), point("consumer.letters_after_commit")
_SOCKET_TIMEOUT_S: Final = 3.0
_SUSPICIOUS_COMMIT_S: Final = 0.8 * _SOCKET_TIMEOUT_S
"""A commit this slow may have been sent twice, and the second EndTxn could end a later transaction."""
_RECORD_BYTES_MAX: Final = int(SUMS_DLT.config["max.message.bytes"])
"""As the topic allows: a whole source record of the contract's size and its envelope."""
assert _RECORD_BYTES_MAX >= WHOLE_BYTES_MAX + 64 * 1024, "a letter with a whole record must fit"


@dataclass(frozen=True)
class Publication:
    """The letters of a partition up to ``next_offset``, with the witness for that offset."""

    partition: int
    letters: tuple[Letter, ...]
    next_offset: int
    metadata: str
    group_metadata: Any
    topic_id: str
    dead_letter_schema_id: int


@dataclass(frozen=True, slots=True)
class Published:
    """Committed up to ``next_offset``."""

    next_offset: int


@dataclass(frozen=True, slots=True)
class NotPublished:
    """Still pending. ``cure``: what a person must do, where it does not pass by itself."""

    reason: str
    cure: str = ""


_Delivered: TypeAlias = Callable[[KafkaError | None, Message], None]
PublicationOutcome = Published | NotPublished


class DeadLetterPublisher:
    """See the module's theory of operation. One call a partition at a time; several partitions side by side."""

    def __init__(
        self,
        shared: Mapping[str, str],
        offsets: GroupOffsets,
        topic: str,
        dead_letter_topic: str,
        timeout_s: float,
        *,
        new_producer: Callable[[dict[str, Any]], Producer] = Producer,
    ) -> None:
        """``timeout_s`` bounds each step: beginning, sending, committing."""
        self._new_producer = new_producer
        self._shared = shared
        self._offsets = offsets
        self._topic = topic
        self._dead_letter_topic = dead_letter_topic
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._producers: dict[int, Producer] = {}

    def publish(self, publication: Publication) -> PublicationOutcome:
        """Try once."""
        partition = publication.partition
        refused: list[KafkaError] = []
        try:
            # 1. a producer whose predecessor can do no more harm
            producer, new = self._producer(partition)
            # 2. what the predecessor may have done
            if new and self._is_covered(publication):
                return Published(publication.next_offset)
            # 3. the letters and the offset, together
            began_s = time.monotonic()
            self._transact(producer, publication, refused)
        except KafkaException as error:
            self.forget(partition)
            # A commit fails for what became of its records: their errors tell the cause.
            cause: KafkaException | KafkaError = refused[0] if refused else error
            return NotPublished(f"dead letters wait: {text_of(cause)}", cure_of(cause))
        except KafkaTroubleError as error:
            self.forget(partition)
            return NotPublished(f"dead letters wait: {error}", error.cure)
        if time.monotonic() - began_s > _SUSPICIOUS_COMMIT_S:
            self.forget(partition)
        logger.bind(partition=partition, letters=len(publication.letters)).warning("dead letters published")
        return Published(publication.next_offset)

    def settle(self, partition: int) -> None:
        """End whatever transaction an earlier owner of the partition left undecided. Raises KafkaTroubleError."""
        self.forget(partition)
        try:
            self._producer(partition)
        except KafkaException as error:
            self.forget(partition)
            raise trouble("a transaction of dead letters is undecided", error) from error

    def forget(self, partition: int) -> None:
        """Throw a partition's producer away; the next one fences it."""
        with self._lock:
            self._producers.pop(partition, None)

    def close(self) -> None:
        """Throw all producers away."""
        with self._lock:
            self._producers.clear()

    def _producer(self, partition: int) -> tuple[Producer, bool]:
        with self._lock:
            kept = self._producers.get(partition)
        if kept is not None:
            return kept, False
        producer = self._new_producer(
            {
                "linger.ms": 0,
                "retry.backoff.ms": 20,
                **self._shared,
                "transactional.id": f"tally-dlt-{partition}",
                "transaction.timeout.ms": 15_000,
                "socket.timeout.ms": int(_SOCKET_TIMEOUT_S * 1000),
                "message.max.bytes": _RECORD_BYTES_MAX,
            }
        )
        producer.init_transactions(self._timeout_s)
        with self._lock:
            self._producers[partition] = producer
        return producer, True

    def _is_covered(self, publication: Publication) -> bool:
        committed = self._offsets.committed([publication.partition])[publication.partition]
        match committed:
            case Known(offset, _):
                return offset >= publication.next_offset
            case Absent():
                return False
            case Unreadable(why):
                raise KafkaTroubleError(f"the committed offset cannot be read: {why}")

    def _transact(self, producer: Producer, publication: Publication, refused: list[KafkaError]) -> None:
        """Raises KafkaException, KafkaTroubleError; ``refused`` takes what became of records that were not taken."""

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                refused.append(error)

        producer.begin_transaction()
        for letter in publication.letters:
            self._produce(
                producer,
                letter.partition,
                dead_record(letter, self._topic, publication.topic_id, publication.dead_letter_schema_id),
                delivered,
            )
        place = TopicPartition(self._topic, publication.partition, publication.next_offset, publication.metadata)
        producer.send_offsets_to_transaction([place], publication.group_metadata, self._timeout_s)
        _BEFORE_COMMIT()
        producer.commit_transaction(self._timeout_s)
        _AFTER_COMMIT()

    def _produce(self, producer: Producer, partition: int, record: DeadRecord, delivered: _Delivered) -> None:
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            try:
                producer.produce(
                    self._dead_letter_topic,
                    key=record.key,
                    value=record.value,
                    headers=list(record.headers),
                    partition=partition,
                    on_delivery=delivered,
                )
            except BufferError:
                if time.monotonic() > deadline_s:
                    raise KafkaTroubleError(f"{self._dead_letter_topic} takes no more records") from None
                producer.poll(0.05)
            else:
                return
