"""A load test finds what is wrong: here the system is broken on purpose, and the verdict or a threshold must say so."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests.external.crosscheck import GHZ
from loadtests.judging.topic import TOPIC
from stack import Stack
from stack.healthcheck import consumer_not_ready
from tally.base.cache_folder import cache_folder
from tests_support.load.loads import broken_producer, broken_service, command, summary_in
from tests_support.producer.slow_relay import SlowRelay
from tests_support.running.live import live_stack
from tests_support.running.stacks import temporary_folder
from tests_support.telemetry.otlp_backend import Backend, otlp_backend
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker]

DELAY_S = 0.3
ADD = "tally.v1.TallyService/Add"


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with otlp_backend() as one:
        yield one


@pytest.fixture(scope="module")
def stack(backend: Backend) -> Iterator[Stack]:
    """A stack that traces only what its callers trace."""
    settings = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{backend.url}/v1/traces", "TALLY_TRACE_RATIO": "0"}
    with temporary_folder() as folder, live_stack(folder, settings) as one:
        yield one


def load(stack: Stack, folder: Path, profile: str, *more: str, **settings: str) -> tuple[int, Mapping[str, Any]]:
    """Run a profile and return exit code and summary."""
    done = command(stack, folder, "run", profile, "--folder", str(folder), "--drain-s", "10", *more, **settings)
    assert (folder / "report.html").exists()
    return done.returncode, summary_in(folder)


def test_a_sound_system_passes_and_its_slowest_iteration_leads_to_a_trace(
    stack: Stack, backend: Backend, tmp_path: Path
) -> None:
    """Smoke holds: nothing lost or doubled, every refusal the expected one; a trace goes from the user to the disk."""
    traced = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{backend.url}/v1/traces"}
    code, summary = load(stack, tmp_path, "smoke", "--traced-share", "1", **traced)
    assert code == 0
    assert summary["verdict"]["holds"]
    assert summary["verdict"]["counted"] == summary["verdict"]["digest"]["acked"] > 0
    assert summary["unexpected"] == {}
    assert {"add OK", "batch OK", "duplicate OK", "conflict ALREADY_EXISTS", "total 200", "health 200"} <= set(
        summary["codes"]
    )
    page = (tmp_path / "report.html").read_text()
    assert "verdict HOLDS: lost 0, doubled 0" in page
    assert "://" not in page, "the page needs nothing else"
    assert not (tmp_path / "outcomes.bin").exists()
    slowest = next(each for each in summary["slowest_traced"] if each["name"] == "add")
    assert slowest["trace_id"] in page

    def parts() -> set[str]:
        return {span.name for span in backend.spans if span.trace_id.hex() == slowest["trace_id"]}

    wanted = {"add", ADD, f"create {TOPIC}", f"process {TOPIC}"}
    eventually(lambda: wanted <= parts(), 30, "the trace has the user's span, the call, the record and its counting")


def test_a_delay_of_300_ms_crosses_a_threshold(stack: Stack, tmp_path: Path) -> None:
    """Behind a slow network the truth holds and the thresholds do not: exit code 99."""
    with SlowRelay(stack.ports.grpc, DELAY_S) as relay:
        code, summary = load(stack, tmp_path, "smoke", TALLY_GRPC_PORT=str(relay.port))
    assert code == 99
    assert summary["verdict"]["holds"]
    assert any(each.startswith("add_p50_ms") for each in summary["broken"])


@pytest.mark.skipif(
    not GHZ.path_in(cache_folder()).exists(), reason="ghz is not in the cache: `just load-check` builds it"
)
def test_a_client_of_other_making_measures_the_same_system(stack: Stack, tmp_path: Path) -> None:
    """ghz gets an answer to every addition that it starts, and stands beside our client in the table."""
    done = command(stack, tmp_path, "check", "--rate", "50", "--seconds", "1", "--rounds", "1")
    assert done.returncode in (0, 99), "one round of a second proves no median"
    assert re.search(r"^\| ours \| [1-9][0-9]* \| 0 \|", done.stdout, re.MULTILINE)
    assert re.search(r"^\| ghz \| [1-9][0-9]* \| 0 \|", done.stdout, re.MULTILINE)
    assert "verdict HOLDS: lost 0, doubled 0" in done.stdout


def test_the_topic_is_read_and_poison_is_judged(stack: Stack, tmp_path: Path) -> None:
    """The kafka profile finds every acknowledged addition in the topic, and each poison in its dead letter."""
    _, summary = load(stack, tmp_path, "kafka")
    figures = summary["figures"]
    assert summary["verdict"]["holds"]
    assert figures["topic_records"] == summary["verdict"]["digest"]["acked"] > 0
    assert (figures["topic_missing"], figures["topic_wrong"]) == (0, 0)
    assert (figures["poison_sent"], figures["poison_unjudged"]) == (5, 0)


def test_a_producer_that_answers_before_it_commits_loses(stack: Stack, tmp_path: Path) -> None:
    """What is acknowledged and not committed is lost, and the run fails whatever its latencies were."""
    with broken_producer(stack) as port:
        code, summary = load(stack, tmp_path, "smoke", TALLY_GRPC_PORT=str(port))
    assert code == 1
    assert summary["verdict"]["lost"] > 0
    assert summary["verdict"]["doubled"] == 0
    assert (tmp_path / "outcomes.bin").exists(), "kept for whoever looks for the cause"


def test_a_consumer_that_skips_a_record_loses(stack: Stack, tmp_path: Path) -> None:
    """A record that the consumer leaves out is lost, and the verdict names its id; last, as it spoils the ledger."""
    stack.stop("consumer")
    with broken_service(stack, "consumer"):
        eventually(lambda: consumer_not_ready(stack.ports.rest) is None, 60, "the broken consumer is ready")
        code, summary = load(stack, tmp_path, "smoke")
    assert code == 1
    assert summary["verdict"]["lost"] > 0
    assert len(summary["verdict"]["examples"]["lost"]) > 0
