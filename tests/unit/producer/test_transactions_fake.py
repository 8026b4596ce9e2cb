"""The fake earns its trust: it passes the scenarios that the real client passes (tests/broker)."""

from collections.abc import Callable

import pytest

from tests_support.kafka.broker import Broker
from tests_support.kafka.range_scenarios import RANGE_SCENARIOS
from tests_support.kafka.transaction_scenarios import SCENARIOS, FakeWorld, World, delivered, records
from tests_support.kafka.transactions import FakeTransactions


@pytest.mark.parametrize("scenario", [*SCENARIOS, *RANGE_SCENARIOS], ids=lambda scenario: scenario.__name__)
def test_scenario(scenario: Callable[[World], None]) -> None:
    """The fake passes each scenario that the real client passes; the scenario's docstring is its promise."""
    scenario(FakeWorld())


def test_a_held_back_commit_ends_a_later_transaction_unless_the_instance_is_new() -> None:
    """As with Kafka, a stray EndTxn commits what the same instance has open then, and nothing of a new instance."""
    kafka = Broker()
    client = FakeTransactions(kafka, "t")
    for renews in (False, True):
        client.renew()
        delivered(client, records(1, (0,)))
        client.faults.queue.append("commit-held")
        client.commit(1.0)
        client.commit(1.0)
        if renews:
            client.renew()
        before = len(kafka.read_committed(0))
        delivered(client, records(2, (0,)))
        kafka.held.pop()()
        assert len(kafka.read_committed(0)) == before + (0 if renews else 2)
