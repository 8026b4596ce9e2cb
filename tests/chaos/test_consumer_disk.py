"""The consumer's disk: full, failing, slow; and SIGKILL at the system calls themselves.

Invariants: I2, I4, I7 as in test_consumer_killed; I8 a disk that fails is never trusted again by the same process.
"""

import pytest

from tests_support import rest
from tests_support.chaos.cluster import Cluster
from tests_support.chaos.counting import (
    WAIT_S,
    assert_committed_is_on_disk,
    count_again,
    wait_counted,
    write,
)
from tests_support.chaos.tracing import no_strace, traced

EX_IOERR = 74
needs_strace = pytest.mark.skipif(bool(no_strace()), reason=no_strace() or "")


@needs_strace
def test_an_fsync_that_fails_ends_the_process_at_once_and_is_never_tried_again(cluster: Cluster) -> None:
    """I4, I8: after EIO the page cache lies: exit 74 without another fsync; the next start finds out what is there."""
    consumer = cluster.consumer("0").wait_ready()
    with traced(consumer.process.pid, cluster.folder / "log", "inject=fdatasync:error=EIO:when=1") as log:
        places = write(cluster, 20, partition=3)
        assert consumer.wait_end(WAIT_S) == EX_IOERR
    calls = [line for line in log.read_text().splitlines() if "fdatasync(" in line]
    assert len(calls) == 1, calls
    assert "EIO" in calls[0]
    assert_committed_is_on_disk(cluster)
    count_again(cluster, consumer, places)


def test_a_slow_disk_is_lag_and_nothing_else(cluster: Cluster) -> None:
    """I2, I5: with every fsync 300 ms late all is counted, and the replica stays ready."""
    consumer = cluster.consumer("0", fault_points="consumer.disk_fsync=delay:300").wait_ready()
    places: list[tuple[int, int]] = []
    for _ in range(5):
        places += write(cluster, 40)
        assert rest.get(f"{consumer.url}/health/ready").status == 200
    wait_counted(consumer, places)
    cluster.examine()
