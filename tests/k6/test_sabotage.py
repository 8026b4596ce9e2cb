"""Systems that are broken on purpose: k6's own exit code says so, by a threshold."""

import re
from pathlib import Path
from typing import Any

import pytest

from stack import Stack
from stack.healthcheck import consumer_not_ready
from tests_support.load.k6_harness import MAIN, TALLY, Ran, addresses, run_script
from tests_support.load.loads import broken_producer, broken_service
from tests_support.producer.slow_relay import SlowRelay
from tests_support.waiting import eventually

pytestmark = [pytest.mark.k6, pytest.mark.broker]

THRESHOLDS_HAVE_FAILED = 99
DELAY_S = 0.3

MANY_USERS: dict[str, Any] = {"PROFILE": "load", "TIME_SCALE": 0.1, "USERS_SCALE": 0.5, "DRAIN_S": 5}
"""A hundred users, each of whom looks up at least one addition."""


def row(what: str, ran: Ran) -> None:
    """Print a row of the table of sabotage."""
    verdict = ran.summary["verdict"]
    told = "; ".join(ran.summary["broken"])
    print(f"ROW {what} | exit code {ran.code} | lost {verdict['lost']}, looked up {verdict['looked_up']} | {told}")


def test_a_slow_network_crosses_a_threshold(stack: Stack, tmp_path: Path) -> None:
    """With 300 ms more of latency the run fails by its median, and nothing is reported as lost."""
    with SlowRelay(stack.ports.grpc, DELAY_S) as relay:
        ran = run_script(tmp_path, MAIN, **addresses(stack) | {"GRPC": f"127.0.0.1:{relay.port}"})
    row("300 ms more", ran)
    assert ran.code == THRESHOLDS_HAVE_FAILED
    assert ran.summary["verdict"]["lost"] == 0
    assert any(each.startswith("add_p50_ms") for each in ran.summary["broken"])


def test_an_answer_before_the_commit_is_a_loss(stack: Stack, tmp_path: Path) -> None:
    """A producer that acknowledges what it does not commit: users find that their additions are not in the ledger."""
    with broken_producer(stack) as port:
        ran = run_script(tmp_path, MAIN, **addresses(stack) | {"GRPC": f"127.0.0.1:{port}"} | MANY_USERS)
    row("acknowledged before the commit", ran)
    assert ran.code == THRESHOLDS_HAVE_FAILED
    assert ran.summary["verdict"]["lost"] > 0
    assert any(each.startswith("lost") for each in ran.summary["broken"])


def test_the_extension_finds_what_was_acknowledged_before_the_commit(stack: Stack, tmp_path: Path) -> None:
    """With the extension each acknowledged addition is looked for in the topic: the verdict itself is a threshold."""
    with broken_producer(stack) as port:
        places = addresses(stack) | {
            "GRPC": f"127.0.0.1:{port}",
            "DRAIN_S": "5",
            "OUTCOMES": str(tmp_path / "outcomes"),
        }
        ran = run_script(tmp_path, TALLY, **places, KAFKA=stack.bootstrap_servers, REGISTRY=stack.registry_url)
    row("acknowledged before the commit, with the extension", ran)
    assert ran.code == THRESHOLDS_HAVE_FAILED
    assert ran.summary["figures"]["topic_missing"] > 0
    assert any(each.startswith("lost") for each in ran.summary["broken"])


def test_a_skipped_record_is_a_loss(stack: Stack, tmp_path: Path) -> None:
    """Users find a consumer that leaves records out, and the line names an id; last, as it spoils the ledger."""
    stack.stop("consumer")
    with broken_service(stack, "consumer"):
        eventually(lambda: consumer_not_ready(stack.ports.rest) is None, 60, "the broken consumer is ready")
        ran = run_script(tmp_path, MAIN, **addresses(stack) | MANY_USERS)
    row("a record skipped", ran)
    assert ran.code == THRESHOLDS_HAVE_FAILED
    assert ran.summary["verdict"]["lost"] > 0
    assert any(each.startswith("lost") for each in ran.summary["broken"])
    assert re.search(r"LOST: [0-9a-f-]{36} was acknowledged", ran.said)
