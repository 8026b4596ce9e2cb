"""Running services that engines observe: the traffic, and the questions of dashboards and alerts."""

from functools import partial
from typing import Any

import httpx
import yaml

from observability.dashboards.panels import WINDOW, Board, Panel, Query
from oracle.facts import TopicRecord
from stack import Stack
from stack.observe import Engines
from stack.parts.engines import EngineName
from tally.client import BlockingClient, Committed, Refused
from tests_support.checkout import ROOT
from tests_support.consumer import foreign
from tests_support.running.live import system_of
from tests_support.waiting import eventually

SCRAPED_S = 90.0
ZERO = {
    "Error rate",
    "Refused partitions",
    "Held up",
    "Aborts",
    "Lag",
    "Lag by partition",
    "Waiting additions",
    "Waiting and lagging",
    "Dropped telemetry",
    "Garbage collections",
    "Warnings and errors in the logs",
    "CPU",  # an idle service between two scrapes
    "Partitions by state",  # REFUSED and the like have nothing
    "Lanes by state",
    "Waiting requests",
    "Requests to the broker",  # a kind that did not happen in the window
    "Broker garbage collection",
    "Late transactions",
    "Waiting markers",
    "Under-replicated partitions",
    "Offline partitions",
    "Request time, p99",  # below a millisecond is zero to the broker
    "Log size",  # a topic that is empty
    "Calls by status",  # a rate of calls that came before the first scrape
}
"""Panels that may show nothing but zeroes while all is well."""


def asked(engines: Engines, engine: EngineName, query: str) -> list[dict[str, Any]]:
    """Return what an engine answers to a query in PromQL."""
    url = f"http://127.0.0.1:{engines.port(engine)}/api/v1/query"
    answer = httpx.get(url, params={"query": query.replace(WINDOW, "1m")}, timeout=30)
    assert answer.status_code == httpx.codes.OK, f"{query}: {answer.text}"
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def traffic(stack: Stack) -> None:
    """Let every kind of call happen once."""
    with BlockingClient(stack.grpc_target) as tally:
        assert isinstance(tally.add("2", "40.5"), Committed)
        assert isinstance(tally.add("two", "1"), Refused)
    httpx.get(f"{stack.rest_url}/v1/total", timeout=10).raise_for_status()


def poison(stack: Stack, engines: Engines, engine: EngineName) -> None:
    """Put a record on the topic that is no addition, and wait until the engine knows."""
    record = TopicRecord(partition=0, offset=0, key=b"no id", value=b"no event", timestamp_ms=0)
    foreign.write(system_of(stack), [record])
    query = 'app_ledger_records_total{kind="POISON"} > 0'
    eventually(lambda: asked(engines, engine, query), SCRAPED_S, "the poison was scraped")


def require_data(stack: Stack, engines: Engines, engine: EngineName, board: Board) -> None:
    """Fail unless every query of a dashboard returns data; only listed panels may be all zero."""

    def is_shown(panel: Panel, query: Query) -> bool:
        traffic(stack)  # again and again: a rate is there while something happens between two scrapes
        values = [each["value"][1] for each in asked(engines, engine, query.expr)]
        may_be_zero = panel.title in ZERO or query.legend in ("CONFLICT", "DUPLICATE")
        return any(may_be_zero or value not in ("0", "NaN") for value in values)

    for panel, query in board.queries():
        what = f"{panel.title}: {query.expr}"
        eventually(partial(is_shown, panel, query), SCRAPED_S, what, interval_s=1)


def rules() -> list[dict[str, Any]]:
    """Return the recorded rules and the alerts."""
    text = (ROOT / "observability" / "alerts" / "rules.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
