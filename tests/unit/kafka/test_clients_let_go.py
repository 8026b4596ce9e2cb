"""A Kafka client that is let go is gone: its threads and connections do not wait for a collection of garbage."""

import gc
from collections.abc import Iterator

import psutil
import pytest

from tally.kafka.transaction_port import RenewFailed
from tally.kafka.transactions import KafkaTransactions, Limits, TransactionPoints, transactional_config
from tests_support.running.service_process import free_port
from tests_support.waiting import eventually

CLIENTS = 5
GONE_S = 30.0


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_a_client_that_was_closed_keeps_no_thread() -> None:
    """Clients that are closed leave no thread behind, also where no garbage is collected for hours."""
    process = psutil.Process()
    before = process.num_threads()
    for number in range(CLIENTS):
        config = transactional_config(
            {"bootstrap.servers": f"127.0.0.1:{free_port()}"}, f"let-go-{number}", 15_000, 3_000
        )
        client = KafkaTransactions(config, "topic", Limits(renew_s=0.05), TransactionPoints())
        assert isinstance(client.renew(), RenewFailed), "nobody listens there"
        client.close()
    eventually(lambda: process.num_threads() <= before, GONE_S, "the threads of all clients have ended")
