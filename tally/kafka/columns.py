"""From librdkafka's messages to columns for each partition, without Python code for each record."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import Final, TypeVar

import numpy as np
from confluent_kafka import Message

from tally.event.classify import Fetched
from tally.event.record import schema_header
from tally.kafka.read_range import headers_of

_TIMESTAMP_MS: Final = itemgetter(1)

T = TypeVar("T")


def columns_of(messages: list[Message]) -> list[Fetched]:
    """Return messages without errors as columns for each partition, in their order."""
    if not messages:
        return []
    n = len(messages)
    partitions = np.fromiter(map(Message.partition, messages), np.int32, n)
    offsets = np.fromiter(map(Message.offset, messages), np.int64, n)
    timestamps_ms = np.fromiter(map(_TIMESTAMP_MS, map(Message.timestamp, messages)), np.int64, n)
    keys = list(map(Message.key, messages))
    values = list(map(Message.value, messages))
    # Fetched records come in runs of one partition; each partition's runs are joined.
    edges = [0, *(np.flatnonzero(np.diff(partitions)) + 1).tolist(), n]
    runs: dict[int, list[slice]] = {}
    for start, stop in pairwise(edges):
        runs.setdefault(int(partitions[start]), []).append(slice(start, stop))
    return [
        Fetched(
            partition=partition,
            offsets=np.concatenate([offsets[run] for run in slices]),
            timestamps_ms=np.concatenate([timestamps_ms[run] for run in slices]),
            keys=_joined(keys, slices),
            values=_joined(values, slices),
            schema_header=partial(schema_header_at, _joined(messages, slices)),
        )
        for partition, slices in runs.items()
    ]


def traceparents_of(messages: list[Message], most: int) -> dict[tuple[int, int], str]:
    """Return the traceparent by (partition, offset) of the first records that have one; at ``most`` looking ends."""
    found: dict[tuple[int, int], str] = {}
    for message in filter(Message.headers, messages) if most > 0 else ():
        partition, offset = message.partition(), message.offset()
        for name, value in headers_of(message):
            if name == "traceparent" and value is not None and partition is not None and offset is not None:
                found[partition, offset] = value.decode("latin-1")
        if len(found) == most:
            break
    return found


def schema_header_at(messages: Sequence[Message], position: int) -> bytes | None:
    """Return what the first header SCHEMA_HEADER of a record holds."""
    return schema_header(headers_of(messages[position]))


def _joined(items: list[T], slices: list[slice]) -> list[T]:
    joined: list[T] = []
    for run in slices:
        joined += items[run]
    return joined
