"""`just observe` on a real engine: every query of every dashboard and alert returns data from running services."""

from collections.abc import Iterator

import httpx
import pytest
import yaml

from client import BlockingTallyClient, Committed, Refused
from observability.dashboards.boards import BOARDS
from observability.dashboards.panels import WINDOW
from oracle.facts import TopicRecord
from stack import Ports, Stack, processes
from stack.downloads import default_folder
from stack.go_programs import CannotBuildError
from stack.observe import Engines
from stack.parts import ORDER
from stack.system import engines_of
from tests_support import foreign
from tests_support.checkout import ROOT
from tests_support.live import system_of
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


@pytest.fixture(scope="module")
def busy(observed: tuple[Stack, Engines]) -> Engines:
    """The engine once it has seen the traffic twice, so that rates are there."""
    stack, engines = observed

    def traffic() -> None:
        with BlockingTallyClient(stack.grpc_target) as tally:
            first = tally.add("2", "40.5")
            assert isinstance(first, Committed)
            assert isinstance(tally.add("two", "1"), Refused)
        httpx.get(f"{stack.rest_url}/v1/total", timeout=10).raise_for_status()

    traffic()
    poison = TopicRecord(partition=0, offset=0, key=b"no id", value=b"no event", timestamp_ms=0)
    foreign.write(system_of(stack), [poison])
    eventually(lambda: asked(engines, 'app_ledger_records_total{kind="POISON"} > 0'), 60, "the poison was scraped")

    def rates() -> bool:
        traffic()
        return all(
            asked(engines, f"sum(rate({name}[1m])) > 0")
            for name in ("rpc_server_call_duration_seconds_count", "app_ledger_fsync_duration_seconds_count")
        )

    eventually(rates, 90, "rates are there", interval_s=1)
    return engines


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_query_of_every_panel_returns_data(busy: Engines, board) -> None:
    """No panel is empty while the services work, and only listed ones may be all zero."""
    for panel, query in board.queries():
        result = asked(busy, query.expr)
        assert result, f"{panel.title}: {query.expr}"
        values = [each["value"][1] for each in result]
        if panel.title not in ZERO and query.legend not in ("CONFLICT", "DUPLICATE"):
            assert any(value not in ("0", "NaN") for value in values), f"{panel.title}: {query.expr}: {values}"


def test_every_rule_can_be_asked(busy: Engines) -> None:
    """The engine understands each alert's expression; whether it fires is promtool's to test."""
    rules = yaml.safe_load((ROOT / "observability" / "alerts" / "rules.yml").read_text())
    recorded = [rule for group in rules["groups"] for rule in group["rules"]]
    for rule in recorded:
        asked(busy, rule["expr"])
    ratios = [rule for rule in recorded if rule.get("record") == "tally:call_errors:ratio_rate5m"]
    assert [each["value"][1] for each in asked(busy, ratios[0]["expr"])] == ["0"]


def test_a_query_for_a_metric_that_nobody_emits_is_empty(busy: Engines) -> None:
    """The check above sees a renamed metric: an unknown name gives nothing, not zero."""
    assert asked(busy, "sum(rate(app_txn_abort_total[1m]))") == []


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
