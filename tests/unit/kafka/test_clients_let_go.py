"""A Kafka client that is let go is gone: its threads and connections do not wait for a collection of garbage."""

import subprocess
import sys

from stack.system import ROOT
from tests_support.running.service_process import free_port

LIMIT_S = 120.0
CLIENTS_LET_GO = """
import gc, sys, time
import psutil
from tally.kafka.transaction_port import RenewFailed
from tally.kafka.transactions import KafkaTransactions, Limits, TransactionPoints, transactional_config

gc.collect()
gc.disable()
process = psutil.Process()
before = process.num_threads()
for number in range(5):
    config = transactional_config({"bootstrap.servers": sys.argv[1]}, f"let-go-{number}", 15_000, 3_000)
    client = KafkaTransactions(config, "topic", Limits(renew_s=0.05), TransactionPoints())
    assert isinstance(client.renew(), RenewFailed), "nobody listens there"
    client.close()
while process.num_threads() > before:
    time.sleep(0.05)
print("all have ended")
"""


def test_a_client_that_was_closed_keeps_no_thread() -> None:
    """Clients that are closed leave no thread behind, also where no garbage is collected for hours."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENTS_LET_GO, f"127.0.0.1:{free_port()}"],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.stdout == "all have ended\n", done.stderr
