"""The truth: what a ledger must contain, computed from the records of the topic alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from oracle.chain import operands_digest, poison_digest
from oracle.decoding import Unfit, plus, read_record
from oracle.facts import CONFLICT, COUNTED, DUPLICATE, NOTHING, POISON, Facts, Mark, Row, TopicRecord
from oracle.naming import unequal


@dataclass(frozen=True, kw_only=True, slots=True)
class First:
    """The first committed record of an id."""

    partition: int
    offset: int
    a: Decimal
    b: Decimal
    sum: Decimal


@dataclass(kw_only=True)
class Truth:
    """The verdicts of all partitions, and where each id was counted."""

    verdicts: dict[int, list[Row]] = field(default_factory=dict)
    first: dict[bytes, First] = field(default_factory=dict)
    ids_at: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """(partition, offset) -> request id, for readable records."""

    def count(self, kind: str, partition: int | None = None) -> int:
        """Return the number of records of a kind, in one partition or in all."""
        chosen = self.verdicts.values() if partition is None else [self.verdicts.get(partition, [])]
        return sum(verdict.kind == kind for verdicts in chosen for verdict in verdicts)

    def total(self, partition: int | None = None) -> Decimal:
        """Return the exact sum of what is counted, in one partition or in all."""
        total = NOTHING
        for verdicts in self.verdicts.values() if partition is None else [self.verdicts.get(partition, [])]:
            for verdict in verdicts:
                if verdict.kind == COUNTED:
                    total = plus(total, verdict.sum)
        return total


def truth_of(facts: Facts) -> Truth:
    """Compute the truth from the topic."""
    truth = Truth()
    for partition in range(facts.partitions):
        truth.verdicts[partition] = _verdicts(facts, facts.records.get(partition, ()), truth)
    return truth


def _verdicts(facts: Facts, records: Sequence[TopicRecord], truth: Truth) -> list[Row]:
    verdicts = []
    for record in records:
        read = read_record(record, facts.schemas, facts.reader_schema, facts.partitions)
        timestamp_us = 1000 * record.timestamp_ms
        if isinstance(read, Unfit):
            digest = poison_digest(record.key, record.value)
            verdicts.append(
                Row(kind=POISON, offset=record.offset, reason=read.reason, timestamp_us=timestamp_us, digest=digest)
            )
            continue
        truth.ids_at[(record.partition, record.offset)] = read.request_id
        first = truth.first.get(read.request_id)
        if first is None:
            truth.first[read.request_id] = First(
                partition=record.partition, offset=record.offset, a=read.a, b=read.b, sum=read.sum
            )
            kind = COUNTED
        else:
            kind = DUPLICATE if (first.a, first.b) == (read.a, read.b) else CONFLICT
        verdicts.append(
            Row(
                kind=kind,
                offset=record.offset,
                request_id=read.request_id,
                a=read.a,
                b=read.b,
                sum=read.sum,
                timestamp_us=timestamp_us,
                digest=operands_digest(read.a, read.b),
            )
        )
    return verdicts


def states_at(verdicts: Sequence[Row], next_offsets: Sequence[int]) -> list[Mark]:
    """Return the counts and the total over all offsets below each of ``next_offsets``, which must not decrease."""
    counts = dict.fromkeys((COUNTED, DUPLICATE, CONFLICT, POISON), 0)
    total = NOTHING
    states = []
    position = 0
    for next_offset in next_offsets:
        while position < len(verdicts) and verdicts[position].offset < next_offset:
            counts[verdicts[position].kind] += 1
            if verdicts[position].kind == COUNTED:
                total = plus(total, verdicts[position].sum)
            position += 1
        states.append(
            Mark(
                next_offset=next_offset,
                counted=counts[COUNTED],
                duplicates=counts[DUPLICATE],
                conflicts=counts[CONFLICT],
                poison=counts[POISON],
                total=total,
            )
        )
    return states


def differences(claimed: Mark, true: Mark) -> list[str]:
    """Return how the numbers of a claim differ from the truth, as phrases."""
    pairs: Mapping[str, tuple[object, object]] = {
        "counted": (claimed.counted, true.counted),
        "duplicates": (claimed.duplicates, true.duplicates),
        "conflicts": (claimed.conflicts, true.conflicts),
        "poison": (claimed.poison, true.poison),
        "total": (claimed.total, true.total),
    }
    return unequal(pairs)
