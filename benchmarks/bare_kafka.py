"""The limits of Kafka's clients, a process of its own; prints one line of JSON.

``python -m benchmarks.bare_kafka transactions SERVERS TOPIC ...`` bare transactional producers in threads;
``python -m benchmarks.bare_kafka consume SERVERS TOPIC ...`` bare ``consume()``, read_committed, from the beginning;
``python -m benchmarks.bare_kafka fill SERVERS TOPIC --schema-id N ...`` fills the sums topic with honest records.
"""

import json
import os
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import click
import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.results import latency_figures
from tally.base import framing
from tally.event.partitions import partition_column
from tally.generated.avro.sum_added import SumAdded

KEY_BYTES = 16
VALUE_BYTES = framing.FRAME_BYTES + SumAdded.WIDTH
TIMEOUT_S = 60.0
PRODUCER_CONFIG: dict[str, str | int | float | bool] = {
    "acks": "all",
    "linger.ms": 0,
    "retry.backoff.ms": 2,
    "transaction.timeout.ms": 15_000,
    "queue.buffering.max.messages": 1_000_000,
}


def producer(servers: str, name: str) -> Producer:
    """Return a transactional producer that is ready to begin."""
    made = Producer({**PRODUCER_CONFIG, "bootstrap.servers": servers, "transactional.id": f"{name}-{uuid.uuid4()}"})
    made.init_transactions(TIMEOUT_S)
    return made


@dataclass(frozen=True)
class KafkaOptions:
    """The options of all modes; what each means is said at the command."""

    servers: str
    topic: str
    count: int
    size: int
    producers: int
    partitions: int
    schema_id: int
    traced_share: float
    seed: int


def transactions(options: KafkaOptions) -> dict[str, float]:
    """Commit ``count`` transactions of ``size`` records in each of ``producers`` threads."""
    producers = [producer(options.servers, "bench") for _ in range(options.producers)]
    key, value = os.urandom(KEY_BYTES), os.urandom(VALUE_BYTES)
    latencies: list[float] = []

    def lane(mine: Producer, number: int) -> None:
        own = range(number, options.partitions, options.producers)  # as a lane has them
        for turn in range(options.count):
            started = time.perf_counter()
            mine.begin_transaction()
            for place in range(options.size):
                mine.produce(options.topic, value, key, own[(turn + place) % len(own)])
            mine.commit_transaction(TIMEOUT_S)
            latencies.append(time.perf_counter() - started)

    elapsed_s = _in_threads([partial(lane, mine, number) for number, mine in enumerate(producers)])
    return _figures(options.producers * options.count * options.size, elapsed_s) | latency_figures(latencies)


def consume(options: KafkaOptions) -> dict[str, float]:
    """Consume the whole topic in batches and touch nothing; the first batch starts the clock and is not counted."""
    client = Consumer(
        {
            "bootstrap.servers": options.servers,
            "group.id": f"bench-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "check.crcs": True,
            # The client pauses for a whole second when its queue is full; with that, this bench shows 0.2 of a million
            # records a second instead of 1.1.
            "fetch.queue.backoff.ms": 5,
        }
    )
    client.assign([TopicPartition(options.topic, partition, 0) for partition in range(options.partitions)])
    first = 0
    while first == 0:
        first = len(client.consume(options.size, 0.1))
    started = time.perf_counter()
    seen = first
    while seen < options.count:
        seen += len(client.consume(options.size, 0.1))
    elapsed_s = time.perf_counter() - started
    client.close()
    return _figures(seen - first, elapsed_s)


def fill(options: KafkaOptions) -> dict[str, float]:
    """Commit ``count`` transactions of ``size`` honest additions each, as the service's lanes would."""
    rng = np.random.default_rng(options.seed)
    made = producer(options.servers, "fill")
    head = framing.frame(options.schema_id)
    nothing = Decimal(0)
    now = datetime.now(UTC)
    traced = round(options.traced_share * options.size)
    tail = SumAdded(request_id=uuid.UUID(int=0), a=nothing, b=nothing, sum=nothing, added_at=now).encode()[4 * 16 :]
    started = time.perf_counter()
    for _ in range(options.count):
        ids = rng.bytes(KEY_BYTES * options.size)
        halves = np.frombuffer(ids, ">u8").reshape(-1, 2).astype(np.uint64)
        partitions = partition_column(halves[:, 0], halves[:, 1], options.partitions).tolist()
        operands = rng.integers(-(10**15), 10**15, (options.size, 2)).tolist()
        made.begin_transaction()
        for number, (a, b) in enumerate(operands):
            key = ids[KEY_BYTES * number : KEY_BYTES * (number + 1)]
            value = head + key + _fixed(a) + _fixed(b) + _fixed(a + b) + tail
            if number < traced:
                parent = f"00-{rng.bytes(16).hex()}-{rng.bytes(8).hex()}-01"
                made.produce(options.topic, value, key, partitions[number], headers=[("traceparent", parent.encode())])
            else:
                made.produce(options.topic, value, key, partitions[number])
        made.commit_transaction(TIMEOUT_S)
    return _figures(options.count * options.size, time.perf_counter() - started)


def _figures(records: int, elapsed_s: float) -> dict[str, float]:
    return {"records": records, "elapsed_s": elapsed_s, "per_s": records / elapsed_s}


def _fixed(unscaled: int) -> bytes:
    return unscaled.to_bytes(16, "big", signed=True)


def _in_threads(lanes: list[Callable[[], None]]) -> float:
    """Return how many seconds all of these took side by side. Raises what one of them raised."""
    started = time.perf_counter()
    with ThreadPoolExecutor(len(lanes)) as pool:
        for done in [pool.submit(lane) for lane in lanes]:
            done.result()
    return time.perf_counter() - started


_MODES: Final = {"transactions": transactions, "consume": consume, "fill": fill}


@click.command(help="Bare Kafka clients.")
@click.argument("mode", type=click.Choice(list(_MODES)))
@click.argument("servers")
@click.argument("topic")
@click.option("--count", type=int, required=True, help="Transactions a producer, or records to consume.")
@click.option("--size", type=int, default=1000, help="Records a transaction, or a batch of consume().")
@click.option("--producers", type=int, default=1)
@click.option("--partitions", type=int, default=12)
@click.option("--schema-id", type=int, default=0)
@click.option("--traced-share", type=float, default=0.0, help="Of the records that fill, with a traceparent.")
@click.option("--seed", type=int, default=0)
def main(mode: str, **options: Any) -> None:
    """Read the options, run, print."""
    print(json.dumps(_MODES[mode](KafkaOptions(**options))))


if __name__ == "__main__":
    main()
