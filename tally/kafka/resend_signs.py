"""Signs that a commit was sent more than once, or that a request to the coordinator may still be on the way.

A client with transactions V1 does not raise its epoch with each transaction, so an EndTxn that was held back on the way
ends whatever transaction is open when it arrives. The client says nothing when it sends one again; these are the signs
(seen with librdkafka 2.16 on Kafka 4.4): its log lines about the coordinator's connection, a commit that took about as
long as a request's time-out, and statistics that count more EndTxn requests than transactions were ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tally.kafka.transaction_port import NoSigns, Suspected

COORDINATOR = "TxnCoordinator"
SLOW_SHARE = 0.8
"""Of socket.timeout.ms: below it the client cannot have given the request up; the rest is for clocks and scheduling."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of one instance of the client since it was made.

    ``coordinator_lines`` are its log lines that `concerns_coordinator`; ``end_txn_requests`` is None until statistics
    arrived, and ``transactions_ended`` counts the commits and aborts that were asked for before them.
    """

    coordinator_lines: Sequence[str]
    slowest_commit_s: float
    socket_timeout_s: float
    end_txn_requests: int | None
    transactions_ended: int


def concerns_coordinator(facility: str, text: str) -> bool:
    """Tell whether a log line of the client is a sign: a request timed out or the connection broke."""
    return facility in {"REQTMOUT", "FAIL"} and (COORDINATOR in text or "EndTxn" in text)


def signs(seen: Observed) -> NoSigns | Suspected:
    """Tell whether, and why, this instance must be replaced before its next transaction."""
    found: list[str] = []
    if seen.coordinator_lines:
        found.append(f"the client logged {seen.coordinator_lines[0]!r}")
    if seen.slowest_commit_s > SLOW_SHARE * seen.socket_timeout_s:
        found.append(f"a commit took {seen.slowest_commit_s:.2f} s of a time-out of {seen.socket_timeout_s:.2f} s")
    if seen.end_txn_requests is not None and seen.end_txn_requests > seen.transactions_ended:
        found.append(f"{seen.end_txn_requests} EndTxn requests for {seen.transactions_ended} transactions")
    return Suspected("; ".join(found)) if found else NoSigns()
