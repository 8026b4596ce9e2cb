"""`just observe full`, all of it: each signal is asked where it is kept, one leads to the next, and faults are seen.

VictoriaLogs' LogsQL and Jaeger's API take the place of LogQL and TraceQL, see docs/decisions/0018. Nothing is built
here: an engine that is not in the cache is a reason to skip.
"""

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import psutil
import pytest

from observability.dashboards.boards import BOARDS
from observability.dashboards.panels import Board
from stack import Stack, processes
from stack.observe import Engines
from stack.parts.engines import ENGINES, SETS
from stack.parts.names import ORDER
from stack.system import engines_of
from tally.base.cache_folder import cache_folder
from tally.client import BlockingClient, Committed
from tests_support.checkout import ROOT, tracked
from tests_support.producer.blocking_stub import blocking_stub
from tests_support.producer.process import addition
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.telemetry.observed import SCRAPED_S, asked, poison, require_data, rules, traffic
from tests_support.telemetry.scrape import scrape
from tests_support.waiting import eventually

pytestmark = [pytest.mark.observability, pytest.mark.timeout(900)]

ARRIVED_S = 60.0
SETTINGS = {"TALLY_TRACE_RATIO": "1", "TALLY_LOG_LEVEL": "DEBUG", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}


@pytest.fixture(scope="module")
def full() -> Iterator[tuple[Stack, Engines]]:
    """A busy stack that the full set observes, every call of it traced."""
    absent = [name for name in SETS["full"] if not ENGINES[name].program.path_in(cache_folder()).exists()]
    if absent:
        pytest.skip(f"{', '.join(absent)} not built on this machine: `just test-observability` builds what it needs")
    with temporary_folder() as folder, stack_factory(folder) as new:
        stack = new(SETTINGS)
        engines = engines_of(stack)
        engines.up(SETS["full"])
        try:
            stack.up(ORDER)
            traffic(stack)
            poison(stack, engines, "prometheus")
            yield stack, engines
        finally:
            engines.down()


def tally(stack: Stack, *words: str) -> str:
    """Return what a command of `tally` prints; "" when it fails."""
    command = [sys.executable, "-m", "tally", *words]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **stack.environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else ""


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_prometheus_answers_every_query_of_every_panel(full: tuple[Stack, Engines], board: Board) -> None:
    """What Grafana asks in containers is asked here of the same Prometheus."""
    require_data(*full, "prometheus", board)


def test_prometheus_evaluates_every_rule(full: tuple[Stack, Engines]) -> None:
    """All of the file was loaded and none of it fails; both engines understand each expression."""
    _, engines = full
    url = f"http://127.0.0.1:{engines.port('prometheus')}/api/v1/rules"

    def evaluated() -> list[dict[str, Any]]:
        groups = httpx.get(url, timeout=10).json()["data"]["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else []

    found = eventually(evaluated, SCRAPED_S, "every rule was evaluated")
    assert {rule["name"] for rule in found} == {rule.get("alert", rule.get("record")) for rule in rules()}
    assert [rule["lastError"] for rule in found if rule["health"] != "ok"] == []
    for rule in rules():
        asked(engines, "victoria-metrics", rule["expr"])


def test_an_addition_is_followed_by_its_request_id_from_the_call_to_the_disk(full: tuple[Stack, Engines]) -> None:
    """`tally trace` finds the call, the transaction and the block, in Jaeger, with nothing but the caller's id."""
    stack, _ = full
    with BlockingClient(stack.grpc_target) as client:
        answer = client.add("1", "2")
    assert isinstance(answer, Committed)
    steps = ("TallyService/Add", "create tally.sums.v1", "send tally.sums.v1", "process tally.sums.v1", "fsync")

    def journey() -> bool:
        shown = tally(stack, "trace", str(answer.request_id))
        return all(step in shown for step in steps)

    eventually(journey, ARRIVED_S, "the whole journey is told", interval_s=1)


def test_log_lines_are_asked_in_logsql_and_one_leads_to_its_trace(full: tuple[Stack, Engines]) -> None:
    """Both services' lines arrive; the line of a transaction has the id of a trace that Jaeger has."""
    stack, _ = full
    traffic(stack)

    def services() -> set[str]:
        lines = tally(stack, "logs", "*", "--json", "--limit", "1000").splitlines()
        return {json.loads(line)["service.name"] for line in lines}

    eventually(lambda: services() >= {"tally-producer", "tally-consumer"}, ARRIVED_S, "both have logged", interval_s=1)
    query = '"transaction committed" trace_id:*'
    lines = eventually(lambda: tally(stack, "logs", query, "--json"), ARRIVED_S, "a transaction is told", interval_s=1)
    trace_id = json.loads(lines.splitlines()[-1])["trace_id"]
    shown = eventually(lambda: tally(stack, "trace", trace_id), ARRIVED_S, "its trace is there", interval_s=1)
    assert "send tally.sums.v1" in shown


def test_victoria_logs_understands_every_query_that_documents_and_hints_name(full: tuple[Stack, Engines]) -> None:
    """Whatever a person is told to type behind `tally logs` is LogsQL; and one that is none is refused."""
    _, engines = full
    url = f"http://127.0.0.1:{engines.port('victoria-logs')}/select/logsql/query"
    files = [ROOT / name for name in tracked() if name.endswith((".md", ".py")) and not name.startswith("tests")]
    texts = {text for file in files for text in re.findall(r"tally logs '([^']+)'", file.read_text(encoding="utf-8"))}
    assert texts
    for text in texts:
        answer = httpx.get(url, params={"query": f"{text} | limit 1"}, timeout=10)
        assert answer.status_code == 200, f"{text}: {answer.text}"
    assert httpx.get(url, params={"query": "severity_text:in(ERROR"}, timeout=10).status_code == 400


def failing_call(stack: Stack) -> None:
    """Call while Kafka is away; the answer, if any, is none that counts."""
    with grpc.insecure_channel(stack.grpc_target) as channel, contextlib.suppress(grpc.RpcError):
        blocking_stub(channel).Add(addition(), timeout=3)


def test_a_broker_that_dies_is_seen_and_the_line_of_the_failure_leads_to_its_trace(full: tuple[Stack, Engines]) -> None:
    """Calls fail: the rate of errors shows it, and a warning names the trace that failed."""
    stack, engines = full
    ratio = next(rule["expr"] for rule in rules() if rule.get("record") == "tally:call_errors:ratio_rate5m")
    stack.kill("kafka")
    try:

        def is_seen() -> bool:
            failing_call(stack)
            return any(float(each["value"][1]) > 0 for each in asked(engines, "prometheus", ratio))

        eventually(is_seen, SCRAPED_S, "the rate of errors is above zero")
    finally:
        stack.up(ORDER)

    def followed() -> bool:
        lines = tally(stack, "logs", 'severity_text:in("WARNING","ERROR") trace_id:*', "--json").splitlines()
        traces = {json.loads(line)["trace_id"] for line in lines}
        return any("FAILED" in tally(stack, "trace", trace) for trace in traces)

    eventually(followed, ARRIVED_S, "a line of a failure leads to a trace that failed", interval_s=1)


@pytest.mark.parametrize("trouble", ["hangs", "is down"])
def test_without_its_traces_store_the_service_serves_on_and_the_drops_are_seen(
    full: tuple[Stack, Engines], trouble: str
) -> None:
    """Jaeger is stopped, then killed: calls are answered and counted, and the metrics' store knows what was lost."""
    stack, engines = full
    mark = engines.mark("jaeger")
    assert mark is not None
    before = scrape(stack.metrics_url).total("app_telemetry_dropped_total", signal="traces")
    if trouble == "hangs":
        psutil.Process(mark.pid).send_signal(signal.SIGSTOP)
    else:
        processes.kill(mark)
    try:
        traffic(stack)
        query = f'sum(app_telemetry_dropped_total{{job="producer", signal="traces"}}) > {before}'
        eventually(lambda: asked(engines, "victoria-metrics", query), SCRAPED_S, "the drops are counted", interval_s=1)
        traffic(stack)
    finally:
        if trouble == "hangs":
            psutil.Process(mark.pid).send_signal(signal.SIGCONT)
        else:
            engines.up(["jaeger"])
