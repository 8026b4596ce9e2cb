"""Which signs tell that a client may have sent a request again."""

import pytest

from tally.kafka.resend_signs import Observed, concerns_coordinator, signs
from tally.kafka.transaction_port import NoSigns, Suspected


def observed(
    lines: tuple[str, ...] = (), slowest_commit_s: float = 0.0, requests: int | None = None, ended: int = 0
) -> Observed:
    return Observed(lines, slowest_commit_s, 3.0, requests, ended)


@pytest.mark.parametrize(
    ("seen", "sign"),
    [
        (observed(), None),
        (observed(slowest_commit_s=2.4), None),
        (observed(slowest_commit_s=2.41), "a commit took 2.41 s"),
        (observed(requests=7, ended=7), None),
        (observed(requests=8, ended=7), "8 EndTxn requests for 7 transactions"),
        (observed(lines=("FAIL [x] TxnCoordinator/1: Disconnected",)), "FAIL [x] TxnCoordinator/1"),
    ],
)
def test_each_sign_is_told_and_nothing_else(seen: Observed, sign: str | None) -> None:
    """A slow commit, a surplus EndTxn and a log line about the coordinator are signs of a resend; nothing else is."""
    found = signs(seen)
    if sign is None:
        assert found == NoSigns()
    else:
        assert isinstance(found, Suspected)
        assert sign in found.signs


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("REQTMOUT [rdkafka#producer-11] [thrd:TxnCoordinator]: Timed out EndTxnRequest in flight", True),
        ("FAIL [rdkafka#producer-1] [thrd:TxnCoordinator]: TxnCoordinator/1: Disconnected", True),
        ("FAIL [rdkafka#producer-1] [thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Disconnected", False),
        ("GETPID [rdkafka#producer-2] [thrd:main]: from broker TxnCoordinator/1: load in progress", False),
    ],
)
def test_only_failures_of_the_coordinator_s_connection_are_signs(line: str, expected: bool) -> None:
    """Time-outs and broken connections to the coordinator are signs of a resend, those to other brokers are not."""
    assert concerns_coordinator(line.partition(" ")[0], line) is expected
