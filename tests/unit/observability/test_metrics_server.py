"""How /metrics bears many callers: answers are shared, and a port of its own has few threads, whoever calls."""

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from opentelemetry.sdk.resources import Resource
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from observability import metrics_server
from observability.exposition import Exposition
from observability.metrics import Metrics
from observability.metrics_server import MetricsPortError, serve_metrics
from observability.sdk_metrics import SdkMetrics
from tests_support import rest
from tests_support.running.raw_http import RawConnection
from tests_support.waiting import eventually

RESOURCE = Resource.create({"service.name": "s", "service.instance.id": "i", "service.version": "v"})
SETTING = "TALLY_PRODUCER_METRICS_PORT"
SEEN_S = 20
GET = "GET /metrics HTTP/1.1\nHost: a\n\n"


class Slow(Collector):
    """Counts how often an answer is made, and holds the making up until it is let go."""

    def __init__(self) -> None:
        self.made = 0
        self.let_go = threading.Event()

    def collect(self) -> Iterable[Metric]:
        self.made += 1
        assert self.let_go.wait(SEEN_S)
        return []


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.let_go.set()


@pytest.fixture
def exposition(slow: Slow) -> Exposition:
    made = Exposition(SdkMetrics(Metrics("producer"), RESOURCE))
    made.registry.register(slow)
    return made


@contextmanager
def port_of(exposition: Exposition) -> Iterator[str]:
    """Serve on a port of its own; yield its address."""
    server = serve_metrics(exposition, "127.0.0.1", 0, SETTING)
    try:
        yield "http://{}:{}".format(*server.server_address[:2])
    finally:
        server.shutdown()
        server.server_close()


def threads(before: set[threading.Thread]) -> int:
    """Count the threads that answer callers, but for those of servers before."""
    return sum("process_request_thread" in thread.name for thread in set(threading.enumerate()) - before)


def test_callers_at_the_same_time_share_one_answer(exposition: Exposition, slow: Slow) -> None:
    """Twenty callers that ask while an answer is made get one made after it, together: two are made in all."""
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(exposition.answer, "", time.monotonic())
        eventually(lambda: slow.made == 1, SEEN_S, "the first answer is being made")
        others = [pool.submit(exposition.answer, "", time.monotonic()) for _ in range(20)]
        slow.let_go.set()
        assert first.result(SEEN_S)[0].startswith(b"# HELP")
        assert len({id(other.result(SEEN_S)[0]) for other in others}) == 1
    assert slow.made == 2


def test_an_answer_is_never_older_than_its_question(exposition: Exposition, slow: Slow) -> None:
    """A caller that asks after an answer was begun gets a new one, so that it sees what it has just done."""
    slow.let_go.set()
    for number in (1, 2, 3):
        exposition.answer("", time.monotonic())
        assert slow.made == number


def test_the_port_has_no_more_threads_than_allowed_however_many_call(exposition: Exposition, slow: Slow) -> None:
    """While all threads answer, further callers are closed at once; then the port answers again."""
    slow.let_go.set()
    before = set(threading.enumerate())
    with port_of(exposition) as url, ExitStack() as stack:
        silent = [stack.enter_context(RawConnection(url)) for _ in range(60)]
        assert silent[-1].is_closed()
        assert threads(before) <= 8
        for each in silent:
            each.close()

        def answers() -> bool:
            return b"target_info" in rest.get(f"{url}/metrics").content

        eventually(answers, SEEN_S, "it answers", retry_on=(OSError,))


def test_a_caller_that_says_nothing_gives_its_thread_back(
    exposition: Exposition, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent caller, and one that sends a byte now and then, lose the connection after the longest time of a call."""
    monkeypatch.setattr(metrics_server, "_CALL_S", 0.2)
    slow.let_go.set()
    before = set(threading.enumerate())
    with port_of(exposition) as url, RawConnection(url) as silent, RawConnection(url) as slow_one:
        slow_one.send("GET /metrics HTTP/1.1\nA: ")
        assert silent.is_closed()
        assert slow_one.is_closed()
        eventually(lambda: threads(before) == 0, SEEN_S, "the threads have ended")


def test_a_taken_port_is_told_with_the_setting_that_moves_it(exposition: Exposition) -> None:
    """A port that somebody has ends the start with the setting's name and value."""
    with port_of(exposition) as url, pytest.raises(MetricsPortError, match=f"{SETTING} is .*set {SETTING} to another"):
        serve_metrics(exposition, "127.0.0.1", int(url.rpartition(":")[2]), SETTING)


@pytest.mark.parametrize("sent", ["nonsense\n\n", "GET / HTTP/9.9\n\n", "POST / HTTP/1.1\n\n", "\xff\xfe\n\n"])
def test_nonsense_is_refused_and_writes_nothing(
    exposition: Exposition, sent: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no GET of HTTP is refused, and neither it nor a caller that leaves writes a line or a traceback."""
    with port_of(exposition) as url:
        with RawConnection(url) as connection:
            connection.send(sent)
        with RawConnection(url) as connection:
            connection.send(GET)
    assert capfd.readouterr() == ("", "")
