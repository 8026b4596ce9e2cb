"""What a slow link does to a consumer that has much to catch up: every answer must come within the socket's time-out.

Invariants: I1, I2 every record is counted once.
"""

from pathlib import Path

import pytest

from tests_support.chaos.cluster import Cluster
from tests_support.chaos.counting import wait_counted, write
from tests_support.running.recovery import recovered

pytestmark = pytest.mark.chaos


def test_a_consumer_catches_up_over_a_slow_link(cluster: Cluster) -> None:
    """A consumer counts 43 MB over a link of 3 MB/s without a time-out and without starting anew (I1, I2)."""
    places = [place for _ in range(4) for place in write(cluster, 80_000)]
    with cluster.proxy.slow(0.0, 3_000_000):
        consumer = cluster.consumer("0")
        recovered("43 MB are counted", wait_counted(consumer, places))
    assert "begins again" not in consumer.text()
    assert "Kafka: " not in consumer.text()
    cluster.examine()


def test_a_consumer_catches_up_over_a_very_slow_link_with_smaller_answers(cluster: Cluster, tmp_path: Path) -> None:
    """With the fetch sizes of docs/LIMITS.md a consumer catches up over 1 MB/s without a time-out (I1, I2)."""
    places = write(cluster, 90_000)
    smaller = tmp_path / "client.properties"
    smaller.write_text("fetch.max.bytes=5000000\nfetch.message.max.bytes=400000\n", encoding="utf-8")
    with cluster.proxy.slow(0.0, 1_000_000):
        consumer = cluster.consumer("0", kafka_config=smaller)
        recovered("12 MB are counted", wait_counted(consumer, places))
    assert "begins again" not in consumer.text()
    assert "Kafka: " not in consumer.text()
    cluster.examine()
