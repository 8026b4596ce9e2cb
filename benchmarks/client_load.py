"""The load generator, a process of its own: sends, counts the replies that are OK, prints one line of JSON.

``python -m benchmarks.client_load unary|batch|columns TARGET [options]``. It waits until the channels are ready,
warms up, then measures. Requests are made and serialised before the clock starts, so that the generator costs as
little as a Python client can.
"""

import asyncio
import json
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import click
import grpc
import uvloop

from benchmarks.results import latency_figures
from loadtests.traffic.additions import TAG_BYTES, Draw
from loadtests.traffic.columns import columns_request_of
from tally.client.transport import batch_request_of, request_of
from tally.generated.tally.v1 import tally_pb2

ADD = "/tally.v1.TallyService/Add"
ADD_BATCH = "/tally.v1.TallyService/AddBatch"
ADD_COLUMNS = "/tally.v1.TallyService/AddColumns"
DEADLINE_S = 30.0
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 64 * 2**20),
    ("grpc.enable_http_proxy", 0),  # a proxy that the environment names could not reach this machine's own server
]

OkCount = Callable[[bytes], int]


def amounts() -> Draw:
    """Return a draw of operands of a usual length, such as -1234.56; the same ones in every run, under new ids."""
    return Draw(secrets.token_bytes(TAG_BYTES), random.Random(0), long_share=0, digits_max=2)


def additions(draw: Draw, count: int) -> list[bytes]:
    """Return ``count`` serialised requests of Add."""
    return [request_of(addition).SerializeToString() for addition in draw.many(count)]


def batches(draw: Draw, count: int, size: int) -> list[bytes]:
    """Return ``count`` serialised requests of AddBatch with ``size`` additions each."""
    return [batch_request_of(draw.many(size)).SerializeToString() for _ in range(count)]


def columns(draw: Draw, count: int, size: int) -> list[bytes]:
    """Return ``count`` serialised requests of AddColumns with ``size`` rows each."""
    return [columns_request_of(draw.many(size)).SerializeToString() for _ in range(count)]


def ok_of_add(reply: bytes) -> int:
    """Return 1 when the reply carries a sum: an error never gets here, an empty message would."""
    return 1 if tally_pb2.AddResponse.FromString(reply).sum else 0


def ok_of_batch(reply: bytes) -> int:
    """Return how many additions of a batch were answered OK."""
    results = tally_pb2.AddBatchResponse.FromString(reply).results
    return sum(result.status.code == 0 and result.response.sum != "" for result in results)


def ok_of_columns(reply: bytes) -> int:
    """Return how many rows of columns are committed."""
    offsets = tally_pb2.AddColumnsResponse.FromString(reply).offsets
    return len(offsets) - list(offsets).count(-1)


async def send_all(
    channels: Sequence[grpc.aio.Channel], method: str, requests: Iterator[bytes], concurrency: int, ok: OkCount
) -> tuple[int, list[float]]:
    """Send until ``requests`` ends, ``concurrency`` calls at a time. Return (OK replies, latencies in s)."""
    latencies: list[float] = []
    accepted = 0

    async def worker(call: Any) -> None:
        nonlocal accepted
        for request in requests:
            started = time.perf_counter()
            try:
                reply = await call(request, timeout=DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                print(f"{error.code().name}: {error.details()}", file=sys.stderr)
                continue
            latencies.append(time.perf_counter() - started)
            accepted += ok(reply)

    calls: Iterator[Any] = cycle([channel.unary_unary(method) for channel in channels])
    await asyncio.gather(*(worker(next(calls)) for _ in range(concurrency)))
    return accepted, latencies


MANY: dict[str, tuple[str, Callable[[Draw, int, int], list[bytes]], OkCount]] = {
    "batch": (ADD_BATCH, batches, ok_of_batch),
    "columns": (ADD_COLUMNS, columns, ok_of_columns),
}
"""By mode, for calls of many additions: the method, what makes requests, and what counts the OK ones of a reply."""


@dataclass(frozen=True)
class CallOptions:
    """What to send, where and how; what each option means is said at the command."""

    mode: str
    target: str
    count: int
    warm_up: int
    concurrency: int
    channels: int
    size: int


async def run(options: CallOptions) -> dict[str, float]:
    """Warm up, measure, and return the figures."""
    draw = amounts()
    if options.mode in MANY:
        method, made, ok = MANY[options.mode]
        warm, measured = made(draw, options.warm_up, options.size), made(draw, options.count, options.size)
    else:
        method, ok = ADD, ok_of_add
        warm, measured = additions(draw, options.warm_up), additions(draw, options.count)
    channels = [grpc.aio.insecure_channel(options.target, options=OPTIONS) for _ in range(options.channels)]
    await asyncio.wait_for(asyncio.gather(*(channel.channel_ready() for channel in channels)), timeout=30)
    await send_all(channels, method, iter(warm), options.concurrency, ok)
    cpu_s = time.process_time()
    started = time.perf_counter()
    accepted, latencies = await send_all(channels, method, iter(measured), options.concurrency, ok)
    elapsed_s = time.perf_counter() - started
    cpu_s = time.process_time() - cpu_s
    await asyncio.gather(*(channel.close() for channel in channels))
    return {
        "ok": accepted,
        "elapsed_s": elapsed_s,
        "per_s": accepted / elapsed_s,
        "client_cpu_us": 1e6 * cpu_s / max(accepted, 1),
    } | latency_figures(latencies)


@click.command(help="Sends additions and counts the OK replies.")
@click.argument("mode", type=click.Choice(["unary", *MANY]))
@click.argument("target")
@click.option("--count", type=int, required=True, help="Calls to measure.")
@click.option("--warm-up", type=int, default=0, help="Calls before that.")
@click.option("--concurrency", type=int, default=64)
@click.option("--channels", type=int, default=8)
@click.option("--size", type=int, default=1000, help="Additions in a batch or in columns.")
def main(**options: Any) -> None:
    """Read the options, run, print."""
    print(json.dumps(uvloop.run(run(CallOptions(**options)))))


if __name__ == "__main__":
    main()
