"""The system under load: its addresses, and how much of the processors each of its parts uses."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx
import psutil

from loadtests.errors import LoadError
from tally.base.hints import hint

_CALL_S: Final = 10.0
_WAIT_MS: Final = 5_000
_SLACK_S: Final = 5.0

GENERATOR: Final = "load"
OTHERS: Final = "others"
"""Names in what ``cpu_meter`` returns, beside those of the parts."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Addresses of one system; ``pids`` by part, empty where its processes cannot be seen from here.

    ``traces`` is where spans are sent by OTLP over HTTP; None leaves it to the ``OTEL_*`` variables.
    """

    grpc: str
    rest: str
    kafka: str
    registry: str
    traces: str | None = None
    pids: Mapping[str, int] = field(default_factory=dict)


def rest_client(rest_url: str, timeout_s: float) -> httpx.Client:
    """Return a client of REST that asks no proxy: the load stays on this machine."""
    return httpx.Client(base_url=rest_url, timeout=timeout_s, trust_env=False)


def count_of(target: Target) -> int:
    """Return how many additions the ledger counts.

    Raises LoadError when the system is not there or does not know all partitions.
    """
    try:
        with rest_client(target.rest, _CALL_S) as rest:
            answer = rest.get("/v1/total")
        answer.raise_for_status()
        body = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise LoadError(f"no Tally answers at {target.rest} ({error}): start it with `{hint('up')}`") from error
    if not body["complete"]:
        raise LoadError(
            f"{target.rest}/v1/total is not complete: `{hint('status')}` tells which partition is in trouble"
        )
    return int(body["count"])


def drain(target: Target, positions: Mapping[int, int], limit_s: float) -> list[str]:
    """Wait until the ledger has every acknowledged position; return what it lacks when the time is up."""
    missing = []
    until_s = time.monotonic() + limit_s
    with rest_client(target.rest, _WAIT_MS / 1000 + _SLACK_S) as rest:
        for partition, offset in sorted(positions.items()):
            place = f"{partition}:{offset}"
            while not _reached(rest, place):
                if time.monotonic() > until_s:
                    missing.append(f"the ledger of partition {partition} does not reach offset {offset}")
                    break
    return missing


def _reached(rest: httpx.Client, place: str) -> bool:
    try:
        return rest.get("/v1/total", params={"min_position": place, "wait_ms": _WAIT_MS}).is_success
    except httpx.HTTPError:
        time.sleep(0.2)
        return False


def cpu_meter(target: Target) -> Callable[[], dict[str, float]]:
    """Return a function that tells how many cores each part, the generator and all others used since its last call."""
    processes = {GENERATOR: psutil.Process()} | {part: psutil.Process(pid) for part, pid in target.pids.items()}

    def measure() -> dict[str, float]:
        cores = {}
        for name, process in processes.items():
            with suppress(psutil.Error):  # it was killed meanwhile
                cores[name] = round(process.cpu_percent() / 100, 3)
        busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
        return cores | {OTHERS: round(max(0.0, busy - sum(cores.values())), 3)}

    measure()  # the first call has nothing to compare with
    return measure
