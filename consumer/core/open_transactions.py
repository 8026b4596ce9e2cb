"""A transaction that is not ours and holds a partition up: found by two ends of the log, and told to a person.

Theory of operation. Consumers read no further than the last stable offset, where the oldest open transaction of the
partition begins; without one that is the high watermark. The high watermark is asked for FIRST: if the last stable
offset, asked for later, is below it, a transaction was open at that moment. As long as the last stable offset stays the
same it is the same transaction, since it would move on with its end. Ours are open for milliseconds, and for no longer
than their time-out where a producer was killed. So one that is open for longer is not ours, or was forgotten by the
broker (docs/decisions/0023-kafka-4-2.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tally.kafka.transactions_tool import TopicAddress, ends_transaction


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """The oldest open transaction of a partition. ``since_s``: when it was first seen, by the monotonic clock."""

    first_offset: int
    since_s: float


@dataclass(frozen=True, slots=True)
class Held:
    """A partition that a transaction holds up, which is not ours: for how long, and what a person reads of it."""

    open_s: float
    reason: str
    cure: str


def open_transactions(
    before: Mapping[int, OpenTransaction],
    high_watermarks: Mapping[int, int],
    last_stable: Mapping[int, int],
    now_s: float,
) -> dict[int, OpenTransaction]:
    """Return the open transaction of each partition that has one; ``before`` is what this returned the last time."""
    return {
        partition: _first_seen(before.get(partition), stable, now_s)
        for partition, stable in last_stable.items()
        if stable < high_watermarks.get(partition, 0)
    }


def _first_seen(before: OpenTransaction | None, first_offset: int, now_s: float) -> OpenTransaction:
    if before is not None and before.first_offset == first_offset:
        return before
    return OpenTransaction(first_offset, now_s)


def held(
    found: Mapping[int, OpenTransaction], now_s: float, foreign_after_s: float, address: TopicAddress
) -> dict[int, Held]:
    """Return the partitions whose transaction is open for longer than one of ours can be."""
    ages = ((partition, transaction, now_s - transaction.since_s) for partition, transaction in found.items())
    return {
        partition: _held(partition, transaction.first_offset, open_s, address)
        for partition, transaction, open_s in ages
        if open_s >= foreign_after_s
    }


def _held(partition: int, first_offset: int, open_s: float, address: TopicAddress) -> Held:
    return Held(
        open_s=open_s,
        reason=f"has waited {open_s:.0f} s for a transaction that is not ours: nothing from offset {first_offset} on "
        f"is counted before it ends",
        cure=ends_transaction(address, partition),
    )
