"""The observability profile in containers: Prometheus and the Collector run with the project's own files.

Their images are stand-ins; Tempo and Loki are a Collector that prints what reaches them. See docs/OBSERVABILITY.md.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import grpc
import httpx
import pytest
import yaml

from observability.dashboards.boards import BOARDS
from observability.dashboards.logs_and_traces import LEVELS
from tally.base.cache_folder import cache_folder
from tests_support.checkout import ROOT
from tests_support.compose.engine import Engine
from tests_support.compose.observability import profile, programs
from tests_support.compose.observability.printed import Line, Span
from tests_support.compose.observability.profile import Backends, Prometheus
from tests_support.compose.project import Project
from tests_support.producer.blocking_stub import blocking_stub
from tests_support.producer.process import addition
from tests_support.telemetry import query_texts
from tests_support.waiting import eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1_200)]

SENDING: Final = ("producer", "consumer")
PROFILE: Final = {"COMPOSE_PROFILES": "observability"}
CONFIGURATION: Final = yaml.safe_load((ROOT / "observability" / "compose" / "prometheus.yml").read_text())
ARRIVED_S: Final = 120.0
TRACE_ID: Final = uuid.uuid4().hex
JOURNEY: Final = {"tally.v1.TallyService/Add", "create tally.sums.v1", "process tally.sums.v1"}


@dataclass(frozen=True)
class Observed:
    """The system with the profile on."""

    system: Project
    prometheus: Prometheus
    backends: Backends


@pytest.fixture(scope="module")
def observed(docker_engine: Engine, system: Project) -> Iterator[Observed]:
    """Services that send, a Collector, a Prometheus, and one traced addition; afterwards the core runs as before."""
    cache = cache_folder()
    if absent := programs.absent(cache):
        pytest.skip(f"{', '.join(absent)} not built on this machine: `just test-compose` builds what it needs")
    profile.build_images(docker_engine, cache)
    backends = Backends(docker_engine, "tally_default")
    try:
        for services in (profile.SERVICES, SENDING):  # what the services send first finds a Collector
            system.compose("up", "--detach", "--wait", "--no-deps", *services, **PROFILE)
        target = f"127.0.0.1:{system.ports.grpc}"
        with grpc.insecure_channel(target) as channel:
            caller = (("traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-01"),)
            blocking_stub(channel).Add(addition(), timeout=30, metadata=caller)
        yield Observed(system, Prometheus(system.ports.prometheus), backends)
    finally:
        system.compose("rm", "--stop", "--force", *profile.SERVICES, **PROFILE)
        backends.close()
        system.compose("up", "--detach", "--wait", "--no-deps", *SENDING)


def test_every_target_of_prometheus_is_up(observed: Observed) -> None:
    """The producer, the consumer, the broker's agent and the Collector's view of Kafka: all are scraped."""
    jobs = {job["job_name"] for job in CONFIGURATION["scrape_configs"]}
    last: list[Any] = []

    def all_up() -> bool:
        last[:] = observed.prometheus.ask("targets", state="active")["activeTargets"]
        return {each["labels"]["job"] for each in last if each["health"] == "up"} == jobs

    def told() -> str:
        return f"{jobs} are up: {[(each['scrapeUrl'], each['health'], each['lastError']) for each in last]}"

    eventually(all_up, ARRIVED_S, told, interval_s=1, retry_on=(httpx.TransportError,))


def test_prometheus_evaluates_every_rule_of_the_alerts(observed: Observed) -> None:
    """Prometheus has loaded each rule of the mounted file and evaluates it without an error."""
    wanted = {each.place.split(", ")[1] for each in query_texts.of_rules(query_texts.RULES)}

    def evaluated() -> list[dict[str, Any]]:
        found = [rule for group in observed.prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else []

    found = eventually(evaluated, ARRIVED_S, "every rule was evaluated", interval_s=1)
    assert {rule["name"] for rule in found} == wanted
    assert [rule for rule in found if rule["health"] != "ok"] == []


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_prometheus_answers_the_queries_of_every_panel(observed: Observed, board: Any) -> None:
    """Each query of the dashboards is understood by the Prometheus that Grafana asks."""
    for text in query_texts.of_dashboard(query_texts.DASHBOARDS / f"{board.uid}.json"):
        if text.language == "promql":
            observed.prometheus.query(text.as_asked)


def test_dashboards_tell_the_containers_apart_by_their_jobs(observed: Observed) -> None:
    """CPU of both services and of the broker; the Collector adds Kafka's own view of groups and topics."""

    def jobs() -> bool:
        found = observed.prometheus.query("sum by (job) (rate(process_cpu_time_seconds_total[1m]))")
        return {each["metric"]["job"] for each in found} == {"producer", "consumer", "kafka"}

    eventually(jobs, ARRIVED_S, "each has used CPU", interval_s=1)
    for name in ("kafka_brokers", "kafka_topic_partitions", "kafka_consumer_group_lag"):
        query = f'{name}{{job="otel-collector"}}'
        eventually(partial(observed.prometheus.query, query), ARRIVED_S, query, interval_s=1)


def test_a_bucket_of_a_histogram_leads_to_its_trace(observed: Observed) -> None:
    """Prometheus keeps the exemplar of the traced addition: Grafana's link from a metric to a trace."""

    def linked() -> bool:
        query = "rpc_server_call_duration_seconds_bucket"
        asked = observed.prometheus.ask("query_exemplars", query=query, start="0", end="9999999999")
        return any(each["labels"].get("trace_id") == TRACE_ID for series in asked for each in series["exemplars"])

    eventually(linked, ARRIVED_S, "the addition's exemplar is kept", interval_s=1)


def spans_of(observed: Observed) -> list[Span]:
    """Return the spans of the traced addition once all of them have reached Tempo's place."""

    def journey() -> list[Span]:
        found = [span for span in observed.backends.received()[0] if span.trace_id == TRACE_ID]
        return found if {span.name for span in found} >= JOURNEY else []

    return eventually(journey, ARRIVED_S, "the whole journey has arrived", interval_s=1)


def test_the_trace_of_an_addition_reaches_tempo_from_both_services(observed: Observed) -> None:
    """One trace, from the call to the ledger, through the Collector to the port that Tempo has."""
    assert {(span.service, span.name) for span in spans_of(observed)} == {
        ("tally-producer", "tally.v1.TallyService/Add"),
        ("tally-producer", "create tally.sums.v1"),
        ("tally-consumer", "process tally.sums.v1"),
    }


def test_what_the_dashboards_ask_tempo_for_is_what_tempo_gets(observed: Observed) -> None:
    """For each query of a kind of span one has arrived that has its service, name, kind and selected attributes."""
    spans_of(observed)
    asked = [query.expr for board in BOARDS for _, query in board.queries("traceql") if "kind = " in query.expr]
    assert asked

    def fits(span: Span, query: str) -> bool:
        name = re.search(r'name =?~? "([^"]+)"', query.replace("resource.service.name", ""))
        conditions = re.search(r'service\.name = "([^"]+)".* kind = (\w+)', query)
        assert conditions is not None
        selected = re.findall(r"span\.([\w.]+)", query.partition("select")[2])
        return (
            (span.service, span.kind) == conditions.groups()
            and (name is None or re.fullmatch(name[1], span.name) is not None)
            and {*selected} <= {*span.attributes}
        )

    for query in asked:

        def arrived(query: str = query) -> bool:
            return any(fits(span, query) for span in observed.backends.received()[0])

        eventually(arrived, ARRIVED_S, query, interval_s=1)


def test_the_log_lines_of_both_services_reach_loki(observed: Observed) -> None:
    """Through the Collector to Loki's port and path, with the name and the levels that LogQL asks for."""

    def both() -> list[Line]:
        lines = observed.backends.received()[1]
        return lines if {line.service for line in lines} == {"tally-producer", "tally-consumer"} else []

    lines = eventually(both, ARRIVED_S, "both have logged", interval_s=1)
    assert {line.level for line in lines} <= {*LEVELS}
    assert {"ready", "listening for REST"} <= {line.text for line in lines}
