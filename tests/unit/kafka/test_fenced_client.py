"""A client that was fenced while it took records over is told from one that failed: the lane must not begin again."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tally.kafka import transactions as transactions_module
from tally.kafka.transaction_port import Kind, Outgoing, ProduceFailed
from tally.kafka.transactions import KafkaTransactions, Limits, TransactionPoints, transactional_config

RECORDS = [Outgoing(bytes(16), b"value", 3)]


class Client:
    """As librdkafka 2.16 was seen: taking records over says no more than `_FATAL`, and `begin` tells why."""

    def __init__(self, failure: BaseException, told: int | None) -> None:
        self._failure, self._told, self._begun = failure, told, 0

    def init_transactions(self, _timeout_s: float) -> None:
        """Succeed."""

    def begin_transaction(self) -> None:
        self._begun += 1
        if self._begun > 1 and self._told is not None:
            raise KafkaException(KafkaError(self._told))

    def produce(self, *_arguments: Any) -> None:
        raise self._failure

    def poll(self, _timeout_s: float) -> int:
        return 0

    def purge(self) -> None:
        """Nothing waits."""


FATAL = KafkaException(KafkaError(KafkaError._FATAL))


@pytest.mark.parametrize(
    ("failure", "told", "kind"),
    [
        (FATAL, KafkaError._FENCED, Kind.FENCED),
        (SystemError("a callback failed"), KafkaError._FENCED, Kind.FENCED),
        (KafkaException(KafkaError(KafkaError._TIMED_OUT)), None, Kind.ABORTABLE),
        (SystemError("a callback failed"), KafkaError._STATE, Kind.FATAL),
    ],
)
def test_the_client_is_asked_whether_it_was_fenced(
    failure: BaseException, told: int | None, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that was fenced reports that, whatever the failing call says, and any other failure is unchanged."""
    config = transactional_config({}, "tally-producer-0-0", 15_000, 3_000)
    monkeypatch.setattr(transactions_module, "Producer", lambda *_given, **_named: Client(failure, told))
    transactions = KafkaTransactions(config, "sums", Limits(), TransactionPoints())
    transactions.renew()
    failed = transactions.produce(RECORDS)
    assert isinstance(failed, ProduceFailed)
    assert failed.trouble.kind is kind
