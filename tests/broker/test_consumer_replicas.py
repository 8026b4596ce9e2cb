"""Several replicas, each with its own directory: the group's partitions split, and one total from any of them."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stack import Ports
from stack.system import ROOT
from tests_support import rest
from tests_support.consumer.rig import WAIT_S, Rig
from tests_support.running.stacks import KAFKA_ONLY, NewStack
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
ENVIRONMENT = {"TALLY_CONSUMER_SESSION_TIMEOUT_MS": "6000"}


@contextmanager
def second_replica(rig: Rig) -> Iterator[str]:
    """Run another consumer of the same group; yield its address. It is killed at the end."""
    port = Ports.free().rest
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ, **rig.stack.environment(), **ENVIRONMENT,
        "TALLY_CONSUMER_REPLICA": "1", "TALLY_REST_PORT": str(port),
    }  # fmt: skip
    environment.pop("TALLY_REST_URL", None)
    log = (rig.stack.data_dir / "log" / "second.log").open("ab")
    process = subprocess.Popen([sys.executable, "-m", "consumer"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield url
    finally:
        process.kill()
        process.wait(10)
        log.close()


def states(url: str) -> dict[str, int]:
    """Return how many partitions a replica shows in each state."""
    shown = [part["state"] for part in rest.get(f"{url}/v1/partitions").body]
    return {state: shown.count(state) for state in set(shown)}


def test_two_replicas_share_the_partitions_each_tells_the_whole_total_and_one_takes_over(new_stack: NewStack) -> None:
    """Two replicas split the partitions and both show the whole total; one left alone takes over all."""
    stack = new_stack(ENVIRONMENT, parts=(*KAFKA_ONLY, "consumer"))
    rig = Rig(stack)
    rig.wait_for(rig.commit(rig.additions(400)))
    with second_replica(rig) as second:

        def shared() -> bool:
            return all(states(url) == {"RUNNING": 6, "ELSEWHERE": 6} for url in (stack.rest_url, second))

        eventually(shared, WAIT_S, "the partitions are shared", retry_on=(OSError,))
        known = uuid.uuid4()
        rig.commit([*rig.additions(400), rig.addition(request_id=known)])

        def whole() -> bool:
            totals = [rest.get(f"{url}/v1/total").body for url in (stack.rest_url, second)]
            return all((total["count"], total["complete"]) == (801, True) for total in totals)

        eventually(whole, WAIT_S, "both tell the whole total")
        answers = {url: rest.get(f"{url}/v1/requests/{known}") for url in (stack.rest_url, second)}
        assert sorted(answer.status for answer in answers.values()) == [200, 307]
        redirect = next(answer for answer in answers.values() if answer.status == 307)
        assert rest.get(redirect.headers["location"]).body["request_id"] == str(known)
    # The second one was killed: after its session the first takes over, and rebuilds what it has not from the topic.
    rig.commit(rig.additions(100))
    eventually(lambda: states(stack.rest_url) == {"RUNNING": 12}, WAIT_S, "the first one took over")
    eventually(lambda: rig.get("/v1/total")["count"] == 901, WAIT_S, "all is counted")
    assert rig.get("/v1/total")["complete"] is True
    shutil.rmtree(stack.data_dir / "consumer" / "1")  # the oracle judges replicas that live
    rig.judge()
