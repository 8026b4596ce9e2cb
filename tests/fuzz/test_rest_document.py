"""REST of a real consumer against its own OpenAPI document: thousands of calls by schemathesis, right and wrong."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import psutil
import pytest

from stack import Stack
from tally import BlockingClient, Committed
from tally.ledger.exports.formats import ExportFormat
from tests_support import rest
from tests_support.running.faults import chosen_seed
from tests_support.running.live import live_stack
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ADDITIONS: Final = 60
EXAMPLES_A_CALL: Final = int(os.environ.get("TALLY_FUZZ_EXAMPLES", "120"))
"""Schemathesis's own measure: that many random calls of each operation, beside the ones that it derives."""
GROWTH_BYTES_MAX: Final = 24 * 2**20
"""Of a consumer that has been asked for everything once; some thousand calls more were seen to cost 2 MiB."""
BACK_S: Final = 90.0
"""Free memory is given back now and then, in half a minute at the latest."""
DESCRIPTORS_MORE_MAX: Final = 16
"""Once all connections are closed."""
RUN_S: Final = 600.0
SETTINGS: Final = {"TALLY_REST_WAIT_MS_MAX": "50", "TALLY_EXPORTS_KEPT_MAX": "300", "TALLY_AUDITS_KEPT_MAX": "300"}
"""Waits are short, so that the time goes into calls, and jobs find room, so that there are some to look at."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with live_stack(tmp_path_factory.mktemp("rest"), SETTINGS) as live:
        yield live


def filled(stack: Stack) -> int:
    """Add numbers, wait until all are counted, and return how many."""
    twice = str(uuid.uuid4())
    with BlockingClient(stack.grpc_target) as client:
        outcomes = [client.add(number, "0.5", twice if number < 2 else None) for number in range(ADDITIONS)]
    counted = sum(isinstance(outcome, Committed) for outcome in outcomes)

    def seen() -> bool:
        body = rest.get(f"{stack.rest_url}/v1/total").body
        return bool(body["complete"] and body["count"] == counted)

    eventually(seen, 30, "the additions are counted")
    return counted


def warm(stack: Stack) -> None:
    """Have the consumer load what it loads once: the document, and the packages of each format (pyarrow: 55 MiB)."""
    rest.get(f"{stack.rest_url}/schema/openapi.json")
    for form in ExportFormat:
        begun = rest.call("POST", f"{stack.rest_url}/v1/exports", {"format": form})
        eventually(partial(is_done, stack.rest_url + begun.headers["location"]), 30, f"the export in {form} is done")


def is_done(url: str) -> bool:
    return bool(rest.get(url).body["state"] == "DONE")


def schemathesis(stack: Stack, folder: Path, seed: int, examples: int) -> subprocess.CompletedProcess[str]:
    """Call every operation of the document, with values that it allows and with ones that it does not."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        *("run", f"{stack.rest_url}/schema/openapi.json", "--seed", str(seed), "--max-examples", str(examples)),
        *("--request-timeout", "20", "--no-color", "--warnings", "off"),
    ]
    environment = {**os.environ, "NO_PROXY": "*", "COLUMNS": "120"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_S, check=False
    )


@pytest.mark.timeout(900)
def test_every_call_answers_as_the_document_says_and_leaves_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    """Thousands of right and wrong calls are answered as documented, and cost neither memory, files nor the total."""
    counted = filled(stack)
    warm(stack)
    consumer = psutil.Process(stack.pid("consumer"))
    rss_bytes, descriptors = consumer.memory_info().rss, consumer.num_fds()

    found = schemathesis(stack, tmp_path, chosen_seed(), EXAMPLES_A_CALL)
    print(found.stdout[-2_000:])
    assert found.returncode == 0, found.stdout + found.stderr

    def grown_bytes() -> int:
        return int(consumer.memory_info().rss) - rss_bytes

    print(f"from {rss_bytes / 2**20:.0f} MiB and {descriptors} descriptors by {grown_bytes() / 2**20:+.1f} MiB")
    eventually(lambda: grown_bytes() < GROWTH_BYTES_MAX, BACK_S, "the memory is about what it was")
    eventually(
        lambda: consumer.num_fds() <= descriptors + DESCRIPTORS_MORE_MAX, 60, "connections and files are closed again"
    )
    log = stack.log_path("consumer").read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3_000]
    assert rest.get(f"{stack.rest_url}/health/ready").status == 200
    total = rest.get(f"{stack.rest_url}/v1/total").body
    assert (total["count"], total["complete"]) == (counted, True)
