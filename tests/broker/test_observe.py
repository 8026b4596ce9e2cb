"""`just observe` on a real engine: every query of every dashboard and alert returns data from running services."""

from collections.abc import Iterator
from functools import partial

import httpx
import pytest
import yaml

from client import BlockingTallyClient, Committed, Refused
from observability import catalogue
from observability.dashboards.boards import BOARDS
from observability.dashboards.panels import WINDOW, Panel, Query
from oracle.facts import TopicRecord
from stack import Ports, Stack, broker_metrics, processes
from stack.downloads import default_folder
from stack.go_programs import CannotBuildError
from stack.observe import Engines
from stack.parts import ORDER
from stack.system import engines_of
from tests_support import foreign
from tests_support.checkout import ROOT
from tests_support.live import system_of
from tests_support.scrape import scrape
from tests_support.stacks import stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

ENGINE = "victoria-metrics"
ZERO = {
    "Error rate",
    "Refused partitions",
    "Aborts",
    "Lag",
    "Lag by partition",
    "Waiting additions",
    "Waiting and lagging",
    "Telemetry that was dropped",
    "Garbage collections",
    "Warnings and errors in the logs",
    "CPU",  # an idle service between two scrapes
    "Partitions by state",  # REFUSED and the like have nothing
    "Lanes by state",
    "Waiting requests",
    "Requests to the broker",  # a kind that did not happen in the window
    "Broker garbage collection",
    "Late transactions",
    "Markers that wait",
    "Under-replicated partitions",
    "Offline partitions",
    "Time of requests, p99",  # below a millisecond is zero to the broker
    "Log size",  # a topic that is empty
    "Calls by status",  # a rate of calls that came before the first scrape
}
"""Panels that may show nothing but zeroes while all is well."""


def start(engines: Engines) -> None:
    try:
        engines.up([ENGINE])
    except CannotBuildError as error:
        pytest.skip(str(error))


def asked(engines: Engines, query: str) -> list[dict]:
    url = f"http://127.0.0.1:{engines.port(ENGINE)}/api/v1/query"
    answer = httpx.get(url, params={"query": query.replace(WINDOW, "1m")}, timeout=30)
    assert answer.status_code == httpx.codes.OK, f"{query}: {answer.text}"
    return answer.json()["data"]["result"]


@pytest.fixture(scope="module")
def observed() -> Iterator[tuple[Stack, Engines]]:
    """A stack that is scraped, with good, bad, repeated, contradictory and foreign additions."""
    with temporary_folder() as folder, stack_factory(folder) as new:
        stack = new()
        engines = engines_of(stack)
        start(engines)
        try:
            stack.up(ORDER)
            yield stack, engines
        finally:
            engines.down()


def traffic(stack: Stack) -> None:
    """Let every kind of call happen once."""
    with BlockingTallyClient(stack.grpc_target) as tally:
        assert isinstance(tally.add("2", "40.5"), Committed)
        assert isinstance(tally.add("two", "1"), Refused)
    httpx.get(f"{stack.rest_url}/v1/total", timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def busy(observed: tuple[Stack, Engines]) -> tuple[Stack, Engines]:
    """The stack and the engine once it has scraped good, bad and foreign additions."""
    stack, engines = observed

    traffic(stack)
    poison = TopicRecord(partition=0, offset=0, key=b"no id", value=b"no event", timestamp_ms=0)
    foreign.write(system_of(stack), [poison])
    eventually(lambda: asked(engines, 'app_ledger_records_total{kind="POISON"} > 0'), 60, "the poison was scraped")
    return stack, engines


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_query_of_every_panel_returns_data(busy: tuple[Stack, Engines], board) -> None:
    """No panel stays empty while the services work, and only listed ones may be all zero."""
    stack, engines = busy

    def is_shown(panel: Panel, query: Query) -> bool:
        traffic(stack)  # again and again: a rate is there while something happens between two scrapes
        values = [each["value"][1] for each in asked(engines, query.expr)]
        may_be_zero = panel.title in ZERO or query.legend in ("CONFLICT", "DUPLICATE")
        return any(may_be_zero or value not in ("0", "NaN") for value in values)

    for panel, query in board.queries():
        eventually(partial(is_shown, panel, query), 90, f"{panel.title}: {query.expr}", interval_s=1)


def test_the_broker_tells_what_the_catalogue_lists(busy: tuple[Stack, Engines]) -> None:
    """Of all that the agent in its Java tells, what is kept is the catalogue's: names, kinds and labels."""
    stack, _ = busy
    found = scrape(f"http://127.0.0.1:{stack.ports.kafka_metrics}/metrics")
    whole = catalogue.load()
    for name in whole.metrics_of("kafka"):
        metric, shown = whole.metrics[name], catalogue.prometheus_name(name, whole.metrics[name])
        assert found.kinds.get(shown) == metric.kind, shown
        labels = {label for sample, pairs in found.values if sample == shown for label, _ in pairs}
        allowed = {catalogue.prometheus_label(each) for each in metric.attributes}
        assert labels == (allowed - {"cpu_mode"}), shown


def test_a_broker_that_starts_again_is_observed_again(busy: tuple[Stack, Engines]) -> None:
    """The agent goes with the process that it was loaded into; `up` loads it into the next."""
    stack, _ = busy
    stack.kill("kafka")
    assert not broker_metrics.are_shown(stack.ports.kafka_metrics)
    stack.up(ORDER)
    assert broker_metrics.are_shown(stack.ports.kafka_metrics)


def test_every_rule_can_be_asked(busy: tuple[Stack, Engines]) -> None:
    """The engine understands each alert's expression; whether it fires is promtool's to test."""
    _, engines = busy
    rules = yaml.safe_load((ROOT / "observability" / "alerts" / "rules.yml").read_text())
    recorded = [rule for group in rules["groups"] for rule in group["rules"]]
    for rule in recorded:
        asked(engines, rule["expr"])
    ratios = [rule for rule in recorded if rule.get("record") == "tally:call_errors:ratio_rate5m"]
    assert [each["value"][1] for each in asked(engines, ratios[0]["expr"])] == ["0"]


def test_a_query_for_a_metric_that_nobody_emits_is_empty(busy: tuple[Stack, Engines]) -> None:
    """The check above sees a renamed metric: an unknown name gives nothing, not zero."""
    _, engines = busy
    assert asked(engines, "sum(rate(app_txn_abort_total[1m]))") == []


def test_down_ends_the_engine_and_frees_its_port(tmp_path) -> None:
    """After `down` no process and no mark of an engine is left, and a second `down` has nothing to do."""
    engines = Engines(tmp_path, Ports.free(), default_folder(), print)
    start(engines)
    mark = engines.mark(ENGINE)
    assert mark is not None
    assert engines.not_ready(ENGINE) is None
    assert engines.down() == [ENGINE]
    assert not processes.is_alive(mark)
    assert engines.running() == []
    assert engines.down() == []
