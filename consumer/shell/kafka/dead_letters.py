"""Publishing poison: dead letters and the offset that covers them, in one transaction.

Theory of operation. A publication is tried once a call and its outcome is one of two:

    LettersPublished      the group's committed offset covers the poison, so the dead letters are in the topic, once
    LettersNotPublished   it is not known or not so: call again later with the same publication

A partition's client (transactional id ``tally-dlt-<partition>``) is kept after a clean commit, for ``IDLE_S`` at most,
since nobody serves it meanwhile; it is let go after anything else. A new one first ends whatever the old one left open,
and only then is the committed offset read: if it moved, the old transaction had been committed and nothing is published
again. Letting go waits for nobody (`tally.kafka.transactions`), so the ingest loop may do it whatever the broker does.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from loguru import logger

from consumer.core.partition.job_events import LettersNotPublished, LettersPublished, PublicationEvent
from consumer.core.publication import Publication
from consumer.core.recovery import Absent, Known, Unreadable
from consumer.shell.kafka.ports import CommittedOffsets
from tally.base.fault_points import point
from tally.event.dead_letter import WHOLE_BYTES_MAX, dead_record
from tally.generated.topics import SUMS_DLT
from tally.kafka.transaction_port import (
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    NoSigns,
    OffsetsToCommit,
    Outgoing,
    ProduceFailed,
    RenewFailed,
    Suspected,
    Transactions,
    Trouble,
)
from tally.kafka.transactions import KafkaTransactions, Limits, TransactionPoints, transactional_config
from tally.kafka.trouble import KafkaTroubleError, cure_of_code

_POINTS: Final = TransactionPoints(
    before_commit=point("consumer.letters_before_commit"), after_commit=point("consumer.letters_after_commit")
)
IDLE_S: Final = 10.0
_TRANSACTION_TIMEOUT_MS: Final = 15_000
_SOCKET_TIMEOUT_MS: Final = 3_000
_RECORD_BYTES_MAX: Final = int(SUMS_DLT.config["max.message.bytes"])
"""As the topic allows: a whole source record of the contract's size and its envelope."""
assert _RECORD_BYTES_MAX >= WHOLE_BYTES_MAX + 64 * 1024, "a letter with a whole record must fit"


NewClient = Callable[[str], Transactions]
"""Makes the client of a transactional id."""


def letter_clients(shared: Mapping[str, str], topic: str, timeout_s: float) -> NewClient:
    """Return what makes clients that write into the dead-letter topic; ``timeout_s`` bounds each of their steps."""

    def made(transactional_id: str) -> Transactions:
        config = transactional_config(shared, transactional_id, _TRANSACTION_TIMEOUT_MS, _SOCKET_TIMEOUT_MS)
        largest: dict[str, Any] = {"message.max.bytes": _RECORD_BYTES_MAX}
        limits = Limits(renew_s=timeout_s, produce_s=timeout_s, abort_s=timeout_s)
        return KafkaTransactions({**config, **largest}, topic, limits, _POINTS)

    return made


@dataclass(frozen=True, slots=True)
class _Kept:
    client: Transactions
    end: threading.Timer | None


class DeadLetterPublisher:
    """See the module's theory of operation. One call a partition at a time; several partitions side by side."""

    def __init__(
        self, new_client: NewClient, offsets: CommittedOffsets, topic: str, timeout_s: float, idle_s: float = IDLE_S
    ) -> None:
        """``topic`` is that of the sums; ``timeout_s`` bounds a commit; ``idle_s`` may be infinite."""
        self._new_client = new_client
        self._offsets = offsets
        self._topic = topic
        self._timeout_s = timeout_s
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._kept: dict[int, _Kept] = {}

    def publish(self, publication: Publication) -> PublicationEvent:
        """Try once."""
        partition = publication.partition
        client, new = self._taken(partition)
        try:
            seen = self._publish(client, new, publication)
        except KafkaTroubleError as error:
            client.close()
            return LettersNotPublished(f"dead letters wait: {error}", error.cure)
        match seen:
            case NoSigns():
                self._keep(partition, client)
            case Suspected(signs):
                logger.bind(partition=partition, signs=signs).warning(
                    "dead letters: a request may have been sent twice"
                )
                client.close()
        return LettersPublished(publication.next_offset)

    def settle(self, partition: int) -> None:
        """End whatever transaction an earlier owner of the partition left undecided. Raises KafkaTroubleError."""
        self.forget(partition)
        client = self._new_client(_name_of(partition))
        try:
            _renew(client)
        except KafkaTroubleError as error:
            client.close()
            raise KafkaTroubleError(f"a transaction of dead letters is undecided: {error}", error.cure) from error
        self._keep(partition, client)

    def forget(self, partition: int) -> None:
        """Let a partition's client go; the next one fences it. Waits for nobody."""
        if (client := self._popped(partition)) is not None:
            client.close()

    def close(self) -> None:
        """Let all clients go. Waits for nobody."""
        for partition in list(self._kept):
            self.forget(partition)

    def _publish(self, client: Transactions, new: bool, publication: Publication) -> NoSigns | Suspected:
        """Tell whether there are signs that a request was sent twice. Raises KafkaTroubleError."""
        if new:
            # 1. the predecessor can do no more harm
            _renew(client)
            # 2. what it may have done
            if self._is_covered(publication):
                return NoSigns()
        # 3. the letters and the offset, together
        letters = [
            (
                letter.partition,
                dead_record(letter, self._topic, publication.topic_id, publication.dead_letter_schema_id),
            )
            for letter in publication.letters
        ]
        headers = {record.key: record.headers for _, record in letters}
        assert len(headers) == len(letters), "a source record has one letter"
        produced = client.produce(
            [Outgoing(record.key, record.value, partition) for partition, record in letters],
            headers,
            OffsetsToCommit(
                self._topic,
                {publication.partition: (publication.next_offset, publication.metadata)},
                publication.group_metadata,
            ),
        )
        if isinstance(produced, ProduceFailed):
            raise _error_of(produced.trouble)
        seen: NoSigns | Suspected
        match client.commit(self._timeout_s):
            case CommitReturned():
                seen = NoSigns()
            case CommitSuspected(signs):
                seen = Suspected(signs)
            case CommitTimedOut():
                raise KafkaTroubleError(f"Kafka did not answer the commit in {self._timeout_s:g} s")
            case CommitFailed(trouble):
                raise _error_of(trouble)
        logger.bind(partition=publication.partition, letters=len(letters)).warning("dead letters published")
        return seen

    def _is_covered(self, publication: Publication) -> bool:
        committed = self._offsets.committed([publication.partition])[publication.partition]
        match committed:
            case Known(offset, _):
                return offset >= publication.next_offset
            case Absent():
                return False
            case Unreadable(why):
                raise KafkaTroubleError(f"the committed offset cannot be read: {why}")

    # -- the clients that are kept -----------------------------------------------------------------------------------

    def _taken(self, partition: int) -> tuple[Transactions, bool]:
        """Return a partition's client, which is the caller's alone, and whether it is a new one."""
        kept = self._popped(partition)
        if kept is not None:
            if isinstance(kept.idle_signs(), NoSigns):
                return kept, False
            kept.close()
        return self._new_client(_name_of(partition)), True

    def _keep(self, partition: int, client: Transactions) -> None:
        end = None
        if self._idle_s < math.inf:
            end = threading.Timer(self._idle_s, self._end_if_idle, [partition])
            end.daemon = True
        with self._lock:
            self._kept[partition] = _Kept(client, end)
        if end is not None:
            end.start()

    def _popped(self, partition: int) -> Transactions | None:
        with self._lock:
            kept = self._kept.pop(partition, None)
        if kept is None:
            return None
        if kept.end is not None:
            kept.end.cancel()
        return kept.client

    def _end_if_idle(self, partition: int) -> None:
        with self._lock:
            kept = self._kept.get(partition)
            if kept is None or kept.end is not threading.current_thread():
                return  # somebody took it, and it may be kept again with a timer of its own
            del self._kept[partition]
        kept.client.close()


def _name_of(partition: int) -> str:
    return f"tally-dlt-{partition}"


def _renew(client: Transactions) -> None:
    """Raises KafkaTroubleError."""
    renewed = client.renew()
    if isinstance(renewed, RenewFailed):
        raise _error_of(renewed.trouble)


def _error_of(trouble: Trouble) -> KafkaTroubleError:
    return KafkaTroubleError(trouble.text, cure_of_code(trouble.code))
