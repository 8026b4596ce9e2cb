"""The scenarios of the transaction port on a real broker: the same suite that the fake passes."""

from collections.abc import Callable

import pytest

from producer.core.ports import Transactions
from producer.shell.kafka_transaction import KafkaTransactions, producer_config
from stack import Stack
from tests_support.producer_process import SUMS, committed
from tests_support.producer_transactions import SCENARIOS, World


class KafkaWorld:
    """The real one."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers

    def transactions(self, transactional_id: str) -> Transactions:
        """See World."""
        base = {"bootstrap.servers": self._servers}
        return KafkaTransactions(producer_config(base, transactional_id, 15_000, 3_000), base, SUMS)

    def committed(self, partition: int) -> list[tuple[int, bytes, bytes]]:
        """See World."""
        return [(offset, key, value) for at, offset, key, value in committed(self._servers) if at == partition]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(kafka_stack: Stack, scenario: Callable[[World], None]) -> None:
    """The scenario's docstring is its promise."""
    scenario(KafkaWorld(kafka_stack.bootstrap_servers))
