"""Floods of connections at a real consumer that may open few files: what counts goes on counting."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tally.service.descriptors import raise_limit
from tests_support import rest
from tests_support.consumer.process import ConsumerProcess
from tests_support.consumer.rig import Rig
from tests_support.running.raw_http import RawConnection
from tests_support.running.stacks import KAFKA_ONLY, NewStack
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
DESCRIPTORS = 1_024
FLOOD = 1_100
SPARE = 100
"""What a ledger needs is far below it."""


@pytest.fixture
def rig(new_stack: NewStack) -> Rig:
    return Rig(new_stack(parts=KAFKA_ONLY))


@contextmanager
def consumer(rig: Rig, folder: Path, descriptors: int) -> Iterator[ConsumerProcess]:
    """Run a consumer that may have so many descriptors, and cannot raise that."""
    prefix = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"]
    environment = dict(rig.stack.environment())
    for taken in ("TALLY_REST_PORT", "TALLY_DATA_DIR", "TALLY_REST_URL"):
        environment.pop(taken, None)
    running = ConsumerProcess(folder / "log", folder / "data", "0", environment, prefix=prefix)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def highest(pid: int) -> Iterator[dict[str, int]]:
    """Yield the most descriptors and threads that a process was seen to have meanwhile."""
    process, seen, ended = psutil.Process(pid), {"descriptors": 0, "threads": 0}, threading.Event()

    def look() -> None:
        while not ended.wait(0.01):
            seen["descriptors"] = max(seen["descriptors"], process.num_fds())
            seen["threads"] = max(seen["threads"], process.num_threads())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        ended.set()
        looking.join()


def test_silent_connections_neither_stop_the_counting_nor_keep_others_out(rig: Rig, tmp_path: Path) -> None:
    """With more silent connections than descriptors, ledgers open, additions are counted and REST answers."""
    if raise_limit() < 2 * FLOOD:
        pytest.skip(f"the hard limit of open files is below {2 * FLOOD}: this test itself holds {FLOOD} connections")
    with consumer(rig, tmp_path, DESCRIPTORS) as running, ExitStack() as flood:
        running.wait_ready()
        with highest(running.process.pid) as seen:
            for _ in range(FLOOD):
                flood.enter_context(RawConnection(running.url))
            rig.commit(rig.additions(600))  # the first ones: each partition opens its ledger
            running.wait_count(600)
            assert {part["state"] for part in running.get("/v1/partitions")} == {"RUNNING"}
        assert seen["descriptors"] < DESCRIPTORS - SPARE, seen
        flood.close()
        running.wait_ready()
        assert "Too many open files" not in running.text()
        assert "Traceback" not in running.text()


def test_calls_of_metrics_at_the_same_time_share_threads_and_answers(rig: Rig, tmp_path: Path) -> None:
    """Four hundred calls of /metrics at the same time are all answered, by a handful of threads."""
    with consumer(rig, tmp_path, DESCRIPTORS) as running, ExitStack() as stack:
        running.wait_ready()
        few = psutil.Process(running.process.pid).num_threads()
        with highest(running.process.pid) as seen:
            calls = [stack.enter_context(RawConnection(running.url)) for _ in range(300)]
            for call in calls:
                call.send("GET /metrics HTTP/1.1\nHost: localhost\n\n")
            answers = [call.answer() for call in calls]
        assert {answer.status for answer in answers} == {200}
        assert all(b"target_info" in answer.content for answer in answers)
        assert seen["threads"] <= few + 8, (few, seen)


def test_half_of_a_request_holds_no_stop_and_leaves_no_traceback(rig: Rig, tmp_path: Path) -> None:
    """A consumer stops at once and quietly, whatever callers have half sent or wait for."""
    with consumer(rig, tmp_path, DESCRIPTORS) as running, ExitStack() as stack:
        running.wait_ready()
        head = "HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
        half = [stack.enter_context(RawConnection(running.url)) for _ in range(4)]
        half[0].send(f"POST /v1/exports {head}Content-Length: 100\n\n{{")
        half[1].send(f"POST /v1/audits {head}Transfer-Encoding: chunked\n\n1\n")
        half[2].send("GET /v1/to")
        half[3].send(f"GET /v1/total?min_position=0:1000000&wait_ms=30000 {head}\n")
        eventually(lambda: rest.get(f"{running.url}/health/live").status == 200, 20, "all have been read")
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_end(20) == 0
        assert "Traceback" not in running.text()
        assert "not all was finished" not in running.text()


def test_a_limit_of_open_files_that_is_too_low_ends_the_start_with_its_cure(rig: Rig, tmp_path: Path) -> None:
    """A consumer that may open too few files for its ledgers and REST ends with code 1 and says what to raise."""
    with consumer(rig, tmp_path, 200) as running:
        assert running.wait_end(60) == 1
        assert "the limit of open files is 200" in running.text().strip().splitlines()[-1]
