"""`just observe` on a real engine: every query of every dashboard and alert returns data from running services."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from observability import catalogue
from observability.dashboards.boards import BOARDS
from observability.dashboards.panels import Board
from stack import Ports, Stack, processes
from stack.fetch.go_programs import CannotBuildError
from stack.observe import Engines
from stack.parts import broker_metrics
from stack.parts.names import ORDER
from stack.system import engines_of
from tally.base.cache_folder import cache_folder
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.telemetry.observed import asked, poison, require_data, rules, traffic
from tests_support.telemetry.scrape import scrape

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

ENGINE: Final = "victoria-metrics"


def start(engines: Engines) -> None:
    try:
        engines.up([ENGINE])
    except CannotBuildError as error:
        pytest.skip(str(error))


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
def busy(observed: tuple[Stack, Engines]) -> tuple[Stack, Engines]:
    """The stack and the engine once it has scraped good, bad and foreign additions."""
    stack, engines = observed
    traffic(stack)
    poison(stack, engines, ENGINE)
    return stack, engines


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_query_of_every_panel_returns_data(busy: tuple[Stack, Engines], board: Board) -> None:
    """No panel stays empty while the services work, and only listed ones may be all zero."""
    require_data(*busy, ENGINE, board)


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
    for rule in rules():
        asked(engines, ENGINE, rule["expr"])
    (ratio,) = [rule for rule in rules() if rule.get("record") == "tally:call_errors:ratio_rate5m"]
    assert [each["value"][1] for each in asked(engines, ENGINE, ratio["expr"])] == ["0"]


def test_a_query_for_a_metric_that_nobody_emits_is_empty(busy: tuple[Stack, Engines]) -> None:
    """A query for an unknown metric has an empty answer and not zero, so that a renamed one is noticed."""
    _, engines = busy
    assert asked(engines, ENGINE, "sum(rate(app_txn_abort_total[1m]))") == []


def test_down_ends_the_engine_and_frees_its_port(tmp_path: Path) -> None:
    """After `down` no process and no mark of an engine is left, and a second `down` has nothing to do."""
    engines = Engines(tmp_path, Ports.free(), cache_folder(), print)
    start(engines)
    mark = engines.mark(ENGINE)
    assert mark is not None
    assert engines.not_ready(ENGINE) is None
    assert engines.down() == [ENGINE]
    assert not processes.is_alive(mark)
    assert engines.running() == []
    assert engines.down() == []
