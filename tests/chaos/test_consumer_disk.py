"""The consumer's disk: full, failing, slow; and SIGKILL at the system calls themselves.

Invariants: I2, I4, I7 as in test_consumer_killed; I8 a disk that fails is never trusted again by the same process.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests_support import rest
from tests_support.chaos.cluster import Cluster
from tests_support.chaos.counting import (
    SIGKILLED,
    WAIT_S,
    Places,
    assert_committed_is_on_disk,
    chains,
    count_again,
    wait_counted,
    write,
)
from tests_support.chaos.tracing import no_strace, traced
from tests_support.consumer.process import ConsumerProcess
from tests_support.running.recovery import recovered
from tests_support.waiting import eventually

EX_IOERR = 74
SMALL, LARGE = "512k", "64m"
needs_strace = pytest.mark.skipif(bool(no_strace()), reason=no_strace() or "")


@needs_strace
@pytest.mark.parametrize(
    ("call", "number"),
    [(call, number) for call in ("pwrite64", "fdatasync", "rename") for number in (1, 2, 3)]
    + [("fsync", 1), ("fsync", 2)],  # strace counts by thread, and none has to fsync a directory for a third time
)
def test_killed_at_a_system_call(cluster: Cluster, call: str, number: int) -> None:
    """A consumer killed at any write, fsync or rename has on disk what it committed and counts on (I2, I4, I7, I10)."""
    partition = (3 * len(call) + number) % 12
    consumer = cluster.consumer("0").wait_ready()
    before = chains(cluster, "0")
    consumer.kill()
    shutil.rmtree(consumer.ledger_dir(partition), ignore_errors=True)  # so that a segment begins, too
    places: list[tuple[int, int]] = []
    consumer.restart()
    with ExitStack() as tracing:
        with consumer.held():  # so that it opens no ledger before strace is there
            injection = f"inject={call}:signal=KILL:when={number}"
            tracing.enter_context(traced(consumer.process.pid, cluster.folder / "log", injection))
        for _ in range(20):
            places += write(cluster, 24)
            if not consumer.lives:
                break
        assert consumer.wait_end(WAIT_S) == SIGKILLED
    assert_committed_is_on_disk(cluster, taken_away=partition)
    count_again(cluster, consumer, places)
    assert chains(cluster, "0").keys() >= before.keys()


def test_killed_at_the_third_directory_fsync(cluster: Cluster) -> None:
    """A consumer killed at the third directory fsync of its start counts each record once (I2, I4, I7, I10)."""
    places = write(cluster, 24)
    consumer = cluster.consumer("0", fault_points="consumer.disk_dir_fsync=kill@3")
    assert consumer.wait_end(WAIT_S) == SIGKILLED
    assert_committed_is_on_disk(cluster)
    count_again(cluster, consumer, places)


@needs_strace
def test_an_fsync_that_fails_ends_the_process_at_once_and_is_never_tried_again(cluster: Cluster) -> None:
    """A failed fsync ends the process with exit code 74 at once, and a start finds what is on the disk (I4, I8)."""
    consumer = cluster.consumer("0").wait_ready()
    with traced(consumer.process.pid, cluster.folder / "log", "inject=fdatasync:error=EIO:when=1") as log:
        places = write(cluster, 20, partition=3)
        assert consumer.wait_end(WAIT_S) == EX_IOERR
    calls = [line for line in log.read_text().splitlines() if "fdatasync(" in line]
    assert len(calls) == 1, calls
    assert "EIO" in calls[0]
    assert_committed_is_on_disk(cluster)
    count_again(cluster, consumer, places)


def first_append(cluster: Cluster) -> int:
    """Return the number of the first write behind the opening of ledgers, which writes each last block anew."""
    return len(chains(cluster, "0")) + 1


@pytest.mark.parametrize("error", ["EIO", "EROFS"])
def test_a_write_that_fails_for_any_reason_but_room_ends_the_process(cluster: Cluster, error: str) -> None:
    """A write that fails, but not for lack of room, ends the process; its block is counted after a start (I4, I8)."""
    plan = f"consumer.disk_write=error:{error}@{first_append(cluster)}"
    consumer = cluster.consumer("0", fault_points=plan).wait_ready()
    places = write(cluster, 20, partition=4)
    assert consumer.wait_end(WAIT_S) == EX_IOERR
    assert "the disk failed" in consumer.text()
    assert_committed_is_on_disk(cluster)
    count_again(cluster, consumer, places)


def test_no_room_for_one_write_pauses_and_goes_on_by_itself(cluster: Cluster) -> None:
    """A write without room pauses the partition, and its block is written whole once there is room (I7, I8)."""
    plan = f"consumer.disk_write=error:ENOSPC@{first_append(cluster)}"
    consumer = cluster.consumer("0", fault_points=plan).wait_ready()
    recovered("counted", wait_counted(consumer, write(cluster, 20, partition=4)))
    assert "No space left" in consumer.text()
    cluster.examine()


def test_a_slow_disk_is_lag_and_nothing_else(cluster: Cluster) -> None:
    """A disk whose every fsync takes 300 ms more means lag, while the replica stays ready and counts all (I2, I5)."""
    consumer = cluster.consumer("0", fault_points="consumer.disk_fsync=delay:300").wait_ready()
    places: list[tuple[int, int]] = []
    for _ in range(5):
        places += write(cluster, 40)
        assert rest.get(f"{consumer.url}/health/ready").status == 200
    recovered("the lag is gone", wait_counted(consumer, places))
    cluster.examine()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put a small tmpfs at a folder; skips the test where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = mount("-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder))
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small tmpfs is not allowed here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def mount(*arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(arguments, 1, "", str(error))


def fill(cluster: Cluster, consumer: ConsumerProcess) -> Places:
    """Write until a partition is paused for want of room."""
    places: list[tuple[int, int]] = []

    def full() -> bool:
        places.extend(write(cluster, 1000, partition=5))
        shown = consumer.get("/v1/partitions/5")
        return bool(shown["state"] == "PAUSED" and "make room" in shown["reason"])

    eventually(full, WAIT_S, "the disk is full", interval_s=0.2)
    return places


def test_a_full_disk_pauses_a_partition_tells_so_and_is_resumed_by_room(cluster: Cluster) -> None:
    """A full disk is 503 with its reason, and counting resumes without a loss once there is room (I2, I4, I7, I8)."""
    with small_disk(cluster.data_dir / "consumer" / "small"):
        consumer = cluster.consumer("small").wait_ready(90)
        places = fill(cluster, consumer)
        ready = rest.get(f"{consumer.url}/health/ready")
        assert (ready.status, "make room" in str(ready.body)) == (503, True)
        assert_committed_is_on_disk(cluster)
        assert mount("-o", f"remount,size={LARGE}", str(consumer.directory)).returncode == 0
        recovered("counted, after there is room", wait_counted(consumer, places))
        consumer.wait_ready()
        cluster.examine()
        cluster.end_services()
