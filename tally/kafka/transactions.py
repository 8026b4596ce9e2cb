"""A transactional client on confluent_kafka, with the guards that exactly once needs of it.

What was seen of confluent-kafka 2.16 (librdkafka 2.16) on Kafka 4.4, and this module depends on:

* Fatal errors, fencing among them, come out of `flush()` and `poll()`, never of `error_cb`; and when a delivery
  callback runs while such an error is being raised, it comes out as the cause of a SystemError.
* `commit_transaction` that timed out may be called again; abort and begin then answer a conflict.
* `close()` would abort what is open, without a time limit; the instance is let go of instead, which ends nothing.
* The client tells nothing when it sends EndTxn again; see tally.kafka.resend_signs.
* A client that nobody polls keeps its log lines and statistics: who keeps one idle calls `idle_signs` now and then.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from tally.kafka.delivery_reports import DeliveryReports
from tally.kafka.errors import inner_of, text_of
from tally.kafka.letting_go import begun
from tally.kafka.resend_signs import Observed, concerns_coordinator, signs
from tally.kafka.transaction_port import (
    NO_HEADERS,
    Aborted,
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    Delivered,
    Headers,
    Kind,
    NoSigns,
    OffsetsToCommit,
    Outgoing,
    ProduceFailed,
    Renewed,
    RenewFailed,
    Suspected,
    Trouble,
)

_FENCED_CODES = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)
_RETRY_PAUSE_S = 0.05
_FULL_POLL_S = 0.05
_STATISTICS_INTERVAL_MS = 1_000
_LOG_LEVEL: Final = "6"
"""At which the client logs what happens to the coordinator's connection. Nothing of it is printed."""


def transactional_config(
    base: Mapping[str, str], transactional_id: str, transaction_timeout_ms: int, socket_timeout_ms: int
) -> dict[str, Any]:
    """Return the client's configuration; ``base`` may tune it, but not change what exactly once rests on."""
    assert socket_timeout_ms < transaction_timeout_ms
    tuning: dict[str, Any] = {
        # flush() sends at once whatever this says, so it delays nothing; it only keeps the client from cutting a
        # transaction into many small requests while it is still being handed over (8 instead of 1 us a record seen).
        "linger.ms": 50,
        "retry.backoff.ms": 2,  # 244 instead of 193 transactions/s seen: a commit's markers take a moment
        "reconnect.backoff.max.ms": 1_000,  # the default of 10 s would keep a lane waiting for a broker that is back
        "queue.buffering.max.messages": 1_000_000,
        "batch.num.messages": 100_000,
    }
    rules: dict[str, Any] = {
        "transactional.id": transactional_id,
        "acks": "all",
        "enable.idempotence": True,
        "transaction.timeout.ms": transaction_timeout_ms,
        # Shorter than the transaction's, so that there is time to abort before the broker does.
        "message.timeout.ms": transaction_timeout_ms * 2 // 3,
        "socket.timeout.ms": socket_timeout_ms,
        "statistics.interval.ms": _STATISTICS_INTERVAL_MS,
        "log_level": _LOG_LEVEL,
    }
    return {**tuning, **base, **rules}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the steps may take, in seconds; who commits says how long that may."""

    renew_s: float = 10.0
    produce_s: float = 11.0
    abort_s: float = 5.0


def _nothing() -> None:
    """A fault point that is not armed."""


@dataclass(frozen=True, slots=True)
class TransactionPoints:
    """Named places between the steps, at which a test makes the process die."""

    before_init: Callable[[], None] = _nothing
    after_init: Callable[[], None] = _nothing
    after_begin: Callable[[], None] = _nothing
    after_produce: Callable[[], None] = _nothing
    before_commit: Callable[[], None] = _nothing
    commit_unanswered: Callable[[], None] = _nothing
    after_commit: Callable[[], None] = _nothing
    before_abort: Callable[[], None] = _nothing
    after_abort: Callable[[], None] = _nothing


def trouble_of(error: BaseException | KafkaError) -> Trouble:
    """Classify an exception or error of the client."""
    if isinstance(error, SystemError) and error.__cause__ is not None:
        error = error.__cause__
    found = inner_of(error) if isinstance(error, KafkaException | KafkaError) else error
    if not isinstance(found, KafkaError):
        return Trouble(Kind.FATAL, f"{type(error).__name__}: {error}")
    if found.code() in _FENCED_CODES:
        return Trouble(Kind.FENCED, text_of(found), found.code())
    return Trouble(Kind.FATAL if found.fatal() else Kind.ABORTABLE, text_of(found), found.code())


class _CoordinatorLines(logging.Handler):
    """Keeps the client's log lines that are signs, at most a few of them."""

    _KEPT_MAX = 4

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        facility = line.partition(" ")[0]
        if len(self.lines) < self._KEPT_MAX and concerns_coordinator(facility, line):
            self.lines.append(line)


class _EndTxnRequests:
    """How many requests to end a transaction a client has sent, as its statistics tell; None before the first ones."""

    def __init__(self) -> None:
        self.sent: int | None = None

    def note(self, statistics: str) -> None:
        brokers = msgspec.json.decode(statistics, type=_Statistics).brokers
        self.sent = sum(broker.req.get("EndTxn", 0) for broker in brokers.values())


class _Instance:
    """One client and what was observed of it.

    Nothing that the client calls knows this object: in a circle a client that is let go would keep its threads and
    connections until the next full collection of garbage, for hours in a consumer that has little to do.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._heard = _CoordinatorLines()
        logger = logging.Logger("librdkafka")  # a logger of its own: it is not shared, and prints nothing
        logger.addHandler(self._heard)
        self._socket_timeout_s = int(config["socket.timeout.ms"]) / 1000
        self._slowest_commit_s = 0.0
        self._ended = 0
        self._end_txn_requests = _EndTxnRequests()
        self.client = Producer({**config, "stats_cb": self._end_txn_requests.note}, logger=logger)

    def ending(self) -> None:
        """Count a transaction whose commit or abort is asked for."""
        self._ended += 1

    def committed(self, took_s: float) -> None:
        """Note how long a commit took."""
        self._slowest_commit_s = max(self._slowest_commit_s, took_s)

    def signs(self) -> NoSigns | Suspected:
        """Tell whether this instance must be replaced. Call `poll` before, it delivers the log lines."""
        return signs(
            Observed(
                coordinator_lines=self._heard.lines,
                slowest_commit_s=self._slowest_commit_s,
                socket_timeout_s=self._socket_timeout_s,
                end_txn_requests=self._end_txn_requests.sent,
                transactions_ended=self._ended,
            )
        )


class _BrokerStatistics(msgspec.Struct):
    req: dict[str, int] = {}


class _Statistics(msgspec.Struct):
    brokers: dict[str, _BrokerStatistics] = {}


class KafkaTransactions:
    """`tally.kafka.transaction_port.Transactions` on a real broker."""

    def __init__(self, config: Mapping[str, Any], topic: str, limits: Limits, points: TransactionPoints) -> None:
        """Make nothing yet; ``config`` is `transactional_config`'s."""
        self._config = config
        self._topic = topic
        self._limits = limits
        self._points = points
        self._instance: _Instance | None = None
        self._commit_began_s: float | None = None

    def renew(self) -> Renewed | RenewFailed:
        """See the port."""
        self.close()
        try:
            self._instance = _Instance(self._config)
            self._points.before_init()
            self._instance.client.init_transactions(self._limits.renew_s)
            self._points.after_init()
            return Renewed()
        except KafkaException as error:
            return RenewFailed(trouble_of(error))

    def produce(
        self, records: Sequence[Outgoing], headers: Headers = NO_HEADERS, offsets: OffsetsToCommit | None = None
    ) -> Delivered | ProduceFailed:
        """See the port."""
        client = self._open_instance().client
        reports = DeliveryReports()
        try:
            client.begin_transaction()
            self._points.after_begin()
            self._hand_over(client, records, headers, reports)
            client.flush(self._limits.produce_s)
        except (KafkaException, BufferError, SystemError) as error:
            return ProduceFailed(_cause_of(client, error))
        if reports.failures:
            return ProduceFailed(_cause_of(client, KafkaException(reports.failures[0])))
        unplaced = len(records) - reports.places
        if unplaced:
            return ProduceFailed(Trouble(Kind.ABORTABLE, f"{unplaced} records were not delivered in time"))
        if offsets is not None:
            try:
                client.send_offsets_to_transaction(_places(offsets), offsets.member, self._limits.produce_s)
            except KafkaException as error:
                return ProduceFailed(trouble_of(error))
        self._points.after_produce()
        return Delivered(reports.offsets_of(records))

    def _hand_over(
        self, client: Producer, records: Sequence[Outgoing], headers: Headers, reports: DeliveryReports
    ) -> None:
        """Hand records to the client; where its queue is full, wait for those before. Raises what the client does."""
        topic = self._topic
        produce = _with_headers(client.produce, headers) if headers else client.produce
        on_delivery = reports.take_in
        until_s = time.monotonic() + self._limits.produce_s
        for record in records:
            while True:
                try:
                    produce(topic, record.value, record.key, record.partition, on_delivery)
                    break
                except BufferError:
                    if time.monotonic() > until_s:
                        raise
                    client.poll(_FULL_POLL_S)

    def commit(self, timeout_s: float) -> CommitReturned | CommitSuspected | CommitTimedOut | CommitFailed:
        """See the port."""
        instance = self._open_instance()
        called_s = time.monotonic()
        if self._commit_began_s is None:
            self._commit_began_s = called_s
            instance.ending()
            self._points.before_commit()
        try:
            instance.client.commit_transaction(timeout_s)
        except KafkaException as error:
            if error.args[0].retriable():
                self._points.commit_unanswered()
                _pause_if_early(called_s, timeout_s)
                return CommitTimedOut()
            return CommitFailed(trouble_of(error))
        self._points.after_commit()
        instance.committed(time.monotonic() - self._commit_began_s)
        self._commit_began_s = None
        seen = self.idle_signs()
        return CommitSuspected(seen.signs) if isinstance(seen, Suspected) else CommitReturned()

    def abort(self) -> Aborted | AbortFailed:
        """See the port."""
        instance = self._open_instance()
        instance.ending()
        self._points.before_abort()
        try:
            instance.client.abort_transaction(self._limits.abort_s)
        except KafkaException as error:
            return AbortFailed(trouble_of(error))
        self._points.after_abort()
        return Aborted()

    def idle_signs(self) -> NoSigns | Suspected:
        """See the port."""
        instance = self._open_instance()
        try:
            instance.client.poll(0)
        except (KafkaException, SystemError) as error:
            return Suspected(trouble_of(error).text)
        return instance.signs()

    def close(self) -> None:
        """See the port. What is open is ended by the next instance of the same transactional id."""
        if self._instance is not None:
            instance, self._instance = self._instance, None
            self._commit_began_s = None
            _let_go(instance)

    def _open_instance(self) -> _Instance:
        assert self._instance is not None, "renew comes first"
        return self._instance


def _places(offsets: OffsetsToCommit) -> list[TopicPartition]:
    return [
        TopicPartition(offsets.topic, partition, offset, metadata)
        for partition, (offset, metadata) in offsets.next_offsets.items()
    ]


def _cause_of(client: Producer, error: BaseException) -> Trouble:
    """Return the trouble behind ``error``, which may be that the client was fenced while it took records over.

    Then `produce` says no more than `_FATAL` and the records' reports no more than that they were purged, and `flush`
    was seen to end in a SystemError without a cause. The client still tells when it is asked to begin.
    """
    trouble = trouble_of(error)
    if trouble.kind is not Kind.FENCED:
        try:
            client.begin_transaction()
        except KafkaException as told:
            if (fenced := trouble_of(told)).kind is Kind.FENCED:
                return fenced
    return trouble


def _with_headers(produce: Callable[..., None], headers: Headers) -> Callable[..., None]:
    """Return a client's ``produce`` that adds the headers of those records that have any."""

    def produced(topic: str, value: bytes, key: bytes, *rest: Any) -> None:
        own = headers.get(key)
        produce(topic, value, key, *rest, headers=None if own is None else list(own))  # the client takes no tuple

    return produced


def _pause_if_early(called_s: float, timeout_s: float) -> None:
    """A retriable error that came at once must not make the caller spin."""
    remaining_s = called_s + timeout_s - time.monotonic()
    if remaining_s > 0:
        threading.Event().wait(min(_RETRY_PAUSE_S, remaining_s))


def _let_go(instance: _Instance) -> None:
    """Destroy a client without waiting for its threads, which a broker that hangs keeps for seconds."""
    begun(partial(_destroy, [instance]))


def _destroy(holder: list[_Instance]) -> None:
    holder.pop().client.purge()
