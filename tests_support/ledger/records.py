"""Records for the ledger's tests, and a naive reference of decode and fold: one record at a time, ints and dicts."""

import hashlib
import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tally.base.framing import SchemaName, frame
from tally.event.classify import Decoded, Fetched, decode
from tally.event.codes import (
    CONFLICT,
    COUNTED,
    DUPLICATE,
    FRAMING,
    NONE,
    OUT_OF_RANGE,
    POISON,
    UNDECODABLE,
    UNKNOWN_SCHEMA,
    WRONG_KEY,
    WRONG_PARTITION,
    WRONG_SUM,
)
from tally.event.partitions import mix, partition_of
from tally.event.rows import Rows
from tally.event.verdict import Poison
from tally.ledger.format.identity import Identity
from tally.ledger.state.fold import Folded, LedgerState, fold
from tally.ledger.state.id_index import IdIndex

PARTITION, PARTITIONS = 3, 12
SCHEMA_ID = 7
SCHEMAS = {SCHEMA_ID: "f" * 64}
UNKNOWN_SCHEMA_ID = 99
IDENTITY = Identity("cluster", "tally.sums.v1", "topic-id", PARTITION, PARTITIONS, 1)
LIMIT = 10**38
TIMESTAMP_MS_MAX = 2**63 // 1000 - 1
ADDED_AT = b"\xff" * 7 + b"\x06"
"""A varint of eight bytes."""


@dataclass(frozen=True)
class Record:
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Row:
    """One row as the reference has it; decimals as ints."""

    kind: int
    reason: int
    offset: int
    timestamp_us: int
    request_id: bytes
    a: int
    b: int
    sum: int
    digest: bytes


def request_id(number: int, partition: int = PARTITION) -> bytes:
    """Return the number-th id of a partition, the same each time."""
    ids, candidates = _ids(partition)
    while len(ids) <= number:
        n = next(candidates)
        candidate = uuid.UUID(int=mix(n) << 64 | mix(n + 1_000_000)).bytes
        if partition_of(candidate, PARTITIONS) == partition:
            ids.append(candidate)
    return ids[number]


@cache
def _ids(partition: int) -> tuple[list[bytes], Iterator[int]]:
    """Return the ids of a partition that were found so far, and what to try next."""
    return [], itertools.count()


def body(id_: bytes, a: int, b: int, total: int | None = None) -> bytes:
    numbers = (a, b, a + b if total is None else total)
    return id_ + b"".join(number.to_bytes(16, "big", signed=True) for number in numbers) + ADDED_AT


def addition(offset: int, number: int, a: int = 1, b: int = 2, *, timestamp_ms: int = 1_764_000_000_000) -> Record:
    """Return a good record of the number-th id."""
    id_ = request_id(number)
    return Record(offset, timestamp_ms, id_, frame(SCHEMA_ID) + body(id_, a, b))


def fetched(records: Sequence[Record], partition: int = PARTITION) -> Fetched:
    return Fetched(
        partition,
        np.array([record.offset for record in records], np.int64),
        np.array([record.timestamp_ms for record in records], np.int64),
        [record.key for record in records],
        [record.value for record in records],
    )


def nobody_knows(name: SchemaName, body: bytes) -> Poison:
    return Poison(UNKNOWN_SCHEMA, f"schema {name} is unknown")


def decoded(records: Sequence[Record], verdicts: dict[int, int] | None = None) -> Decoded:
    return decode(
        fetched(records),
        partitions=PARTITIONS,
        fast_schema_ids=frozenset({SCHEMA_ID}),
        general=nobody_knows,
        verdicts=verdicts or {},
    )


def folded(state: LedgerState, index: IdIndex, records: Sequence[Record]) -> Folded:
    """Fold a batch and put its ids into the index."""
    outcome = fold(state, decoded(records), index)
    index.insert(outcome.additions, (outcome.state.next_offset, outcome.state.chain.value))
    return outcome


def reference(records: Iterable[Record], partition: int = PARTITION) -> list[Row]:
    """Return the rows of a whole partition, decided one record at a time."""
    first: dict[bytes, tuple[int, int]] = {}
    rows: list[Row] = []
    for record in records:
        row = _read(record, partition)
        if row.reason == NONE:
            if row.request_id not in first:
                first[row.request_id] = (row.a, row.b)
            else:
                same = first[row.request_id] == (row.a, row.b)
                row = replace(row, kind=DUPLICATE if same else CONFLICT)
        rows.append(row)
    return rows


def plain(rows: Rows) -> list[Row]:
    """Return rows of the real thing in the reference's form."""
    return [
        Row(
            int(row["kind"]),
            int(row["reason"]),
            int(row["offset"]),
            int(row["timestamp_us"]),
            row["request_id"].tobytes(),
            _signed(row["a"].tobytes()),
            _signed(row["b"].tobytes()),
            _signed(row["sum"].tobytes()),
            row["digest"].tobytes(),
        )
        for row in rows
    ]


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _timestamp_us(record: Record) -> int:
    return min(max(record.timestamp_ms, -TIMESTAMP_MS_MAX), TIMESTAMP_MS_MAX) * 1000


def _read(record: Record, partition: int) -> Row:
    def poison(reason: int) -> Row:
        hashed = b"".join(
            b"\xff" * 8 if part is None else len(part).to_bytes(8, "big") + part for part in (record.key, record.value)
        )
        digest = hashlib.blake2b(hashed, digest_size=16).digest()
        return Row(POISON, reason, record.offset, _timestamp_us(record), bytes(16), 0, 0, 0, digest)

    value = record.value
    if value is not None and value[:1] == b"\x01" and len(value) >= 17:  # a GUID, and nobody knows any here
        return poison(UNKNOWN_SCHEMA)
    if value is None or len(value) < 5 or value[0] != 0:
        return poison(FRAMING)
    if value[1:5] != frame(SCHEMA_ID)[1:]:
        return poison(UNKNOWN_SCHEMA)
    data = value[5:]
    rest = data[64:]
    if not 1 <= len(rest) <= 10 or rest[-1] > 0x7F or any(byte < 0x80 for byte in rest[:-1]):
        return poison(UNDECODABLE)
    if len(rest) == 10 and rest[-1] > 1:
        return poison(UNDECODABLE)
    a, b, total = (_signed(data[k : k + 16]) for k in (16, 32, 48))
    for reason, wrong in (
        (OUT_OF_RANGE, any(not -LIMIT < number < LIMIT for number in (a, b, total))),
        (WRONG_SUM, a + b != total),
        (WRONG_KEY, record.key != data[:16]),
        (WRONG_PARTITION, partition_of(data[:16], PARTITIONS) != partition),
    ):
        if wrong:
            return poison(reason)
    return Row(COUNTED, NONE, record.offset, _timestamp_us(record), data[:16], a, b, total, _digest(data[16:48]))


def _digest(operands: bytes) -> bytes:
    lanes = []
    for seed in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F):
        lane = seed
        for k in range(0, 32, 8):
            lane = mix(lane ^ int.from_bytes(operands[k : k + 8], "big"))
        lanes.append(lane.to_bytes(8, "big"))
    return b"".join(lanes)
