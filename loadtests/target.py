"""The system under load: its addresses, and how much of the processors each of its parts uses."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx
import psutil

from loadtests.errors import LoadError

_CALL_S: Final = 10.0
_WAIT_MS: Final = 5_000
_SLACK_S: Final = 5.0
_TICK_S: Final = 0.01  # what the kernel counts processor time in

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


@dataclass(frozen=True)
class Total:
    """What REST says of the whole: a count and an exact total in text."""

    count: int
    total: str


def rest_client(rest_url: str, timeout_s: float) -> httpx.Client:
    """Return a client of REST that asks no proxy: the load stays on this machine."""
    return httpx.Client(base_url=rest_url, timeout=timeout_s, trust_env=False)


def total_of(target: Target) -> Total:
    """Return the total. Raises LoadError when the system is not there or does not know all partitions."""
    try:
        with rest_client(target.rest, _CALL_S) as rest:
            answer = rest.get("/v1/total")
        answer.raise_for_status()
        body = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise LoadError(f"no Tally answers at {target.rest} ({error}): start it with `just up`") from error
    if not body["complete"]:
        raise LoadError(f"{target.rest}/v1/total is not complete: `just status` tells which partition is in trouble")
    return Total(body["count"], body["total"])


def drain(target: Target, positions: Mapping[int, int], limit_s: float) -> list[str]:
    """Wait until the ledger has every acknowledged position; return what it lacks when the time is over."""
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
    processes = {GENERATOR: psutil.Process(os.getpid())}
    for part, pid in target.pids.items():
        processes[part] = psutil.Process(pid)
    before = {name: (time.monotonic(), _used_s(process)) for name, process in processes.items()}
    machine_before = (time.monotonic(), _machine_used_s())

    def measure() -> dict[str, float]:
        nonlocal machine_before
        cores = {}
        for name, process in processes.items():
            now_s, used_s = time.monotonic(), _used_s(process)
            then_s, then_used_s = before[name]
            if used_s is None or then_used_s is None or now_s <= then_s:
                continue  # it was killed meanwhile
            cores[name] = round((used_s - then_used_s) / (now_s - then_s), 3)
            before[name] = (now_s, used_s)
        machine = (time.monotonic(), _machine_used_s())
        busy = (machine[1] - machine_before[1]) / max(machine[0] - machine_before[0], _TICK_S)
        machine_before = machine
        return cores | {OTHERS: round(max(0.0, busy - sum(cores.values())), 3)}

    return measure


def _machine_used_s() -> float:
    """Return the seconds that all cores of the machine were at work, as the kernel counts them."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # they are in user and nice already
    return float(sum(times) - idle - guests)


def _used_s(process: psutil.Process) -> float | None:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)
