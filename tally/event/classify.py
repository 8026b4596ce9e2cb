"""From fetched records to columns: framing, schema, range, sum, key and partition are checked here, nowhere else.

A record that fails a check becomes a POISON row with the first reason that applies, in the order of the contract's
reasons. Trouble that may pass (the registry cannot be reached) is no verdict: ``general`` raises SchemaUnavailable,
``decode`` lets it out, and the caller pauses the partition.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from tally.base.framing import FramingError, SchemaName, unframe_any
from tally.event.digest import operands, undecoded
from tally.event.int128 import adds_up, halves, in_range
from tally.event.partitions import partition_column
from tally.event.rows import (
    OUT_OF_RANGE,
    POISON,
    WRONG_KEY,
    WRONG_PARTITION,
    WRONG_SUM,
    Mask,
    Offsets,
    Rows,
    no_rows,
)
from tally.event.values import COLUMNS, General, SchemaUnavailable, Verdict, read_fast, read_one

__all__ = ["Decoded", "Fetched", "General", "Poison", "SchemaUnavailable", "Verdict", "decode"]


def no_header(_position: int) -> bytes | None:
    """The header of records that have none."""
    return None


@dataclass(frozen=True)
class Fetched:
    """Records of one partition in the order of the topic: read_committed, offsets strictly increasing."""

    partition: int
    offsets: Offsets
    timestamps_ms: Offsets
    keys: list[bytes | None]
    values: list[bytes | None]
    schema_header: Callable[[int], bytes | None] = no_header
    """What the record at a position has in the header SCHEMA_HEADER. It is asked only for records that are not of the
    common form: looking at every record's headers would be seen."""

    def until(self, position: int) -> "Fetched":
        """Return the records before a position."""
        return replace(
            self,
            offsets=self.offsets[:position],
            timestamps_ms=self.timestamps_ms[:position],
            keys=self.keys[:position],
            values=self.values[:position],
        )

    def schema_name(self, position: int) -> SchemaName | None:
        """Return what names the writer's schema of a record, or None when nothing does."""
        value = self.values[position]
        try:
            return None if value is None else unframe_any(value, self.schema_header(position))[0]
        except FramingError:
            return None


@dataclass(frozen=True)
class Poison:
    """One POISON row of a batch. ``position`` is its place in Fetched, where its bytes are."""

    position: int
    offset: int
    reason: int
    detail: str
    schema: SchemaName | None


@dataclass(frozen=True)
class Decoded:
    """A batch as columns. Rows that are not poison have kind 0 until ``fold`` classifies them.

    ``schema_ids``: the writer schema ids of the rows that decoded; the ledger's header pins them. GUIDs need no pin:
    one means the same schema in every registry.
    """

    partition: int
    rows: Rows
    poison: tuple[Poison, ...]
    schema_ids: frozenset[int]


_KEY_BYTES: Final = 16
_TIMESTAMP_MS_MAX: Final = (1 << 63) // 1000 - 1
"""Beyond it, microseconds would not fit 64 bits; such a timestamp (LogAppendTime has none) is clipped."""


def decode(
    fetched: Fetched,
    *,
    partitions: int,
    fast_schema_ids: frozenset[int],
    general: General,
    verdicts: Mapping[int, int],
) -> Decoded:
    """Return the batch as columns.

    ``fast_schema_ids``: writer ids whose schema is exactly ours, read without ``general``.
    ``verdicts``: offset -> reason's code, of offsets whose dead letter exists; they are not decided again.
    Raises SchemaUnavailable.
    """
    rows = no_rows(len(fetched.offsets))
    rows["offset"] = fetched.offsets
    rows["timestamp_us"] = np.clip(fetched.timestamps_ms, -_TIMESTAMP_MS_MAX, _TIMESTAMP_MS_MAX) * 1000
    found: dict[int, Poison] = _already_judged(fetched, verdicts)
    # 1. values of the common form as columns
    fast, schema_ids = read_fast(rows, fetched.values, fast_schema_ids)
    # 2. the others one by one, in their order
    slow = np.flatnonzero(~fast) if len(found) == 0 else [i for i in np.flatnonzero(~fast) if int(i) not in found]
    for position in map(int, slow):
        outcome = read_one(fetched.values[position], fetched.schema_header(position), fast_schema_ids, general)
        if isinstance(outcome, Verdict):
            found[position] = _poison(fetched, position, outcome)
        else:
            name, columns = outcome
            if isinstance(name, int):
                schema_ids.add(name)
            for k, column in enumerate(COLUMNS):
                rows[column][position] = np.frombuffer(columns, np.uint8, 16, 16 * k)
    # 3. what the values must hold, over all that were read
    _judge(rows, fetched, partitions, found)
    # 4. digests
    rows["digest"] = operands(halves(rows["a"]), halves(rows["b"]))
    poison = tuple(found[position] for position in sorted(found))
    for verdict in poison:
        _blank(rows, verdict, fetched)
    return Decoded(fetched.partition, rows, poison, frozenset(schema_ids))


def _already_judged(fetched: Fetched, verdicts: Mapping[int, int]) -> dict[int, Poison]:
    if not verdicts:
        return {}
    return {
        position: _poison(fetched, position, Verdict(verdicts[offset], "as its dead letter says"))
        for position, offset in enumerate(fetched.offsets.tolist())
        if offset in verdicts
    }


def _judge(rows: Rows, fetched: Fetched, partitions: int, found: dict[int, Poison]) -> None:
    """Add the verdicts on values that were read, the first reason of each that applies."""
    hi, lo = halves(rows["request_id"])
    a, b, total = halves(rows["a"]), halves(rows["b"]), halves(rows["sum"])
    checks = (
        (OUT_OF_RANGE, in_range(a) & in_range(b) & in_range(total), "a value has more than 38 digits"),
        (WRONG_SUM, adds_up(a, b, total), "sum is not a + b"),
        (WRONG_KEY, _keys_match(rows, fetched.keys), "the key is not the request id's 16 bytes"),
        (
            WRONG_PARTITION,
            partition_column(hi, lo, partitions) == np.uint64(fetched.partition),
            f"partition {fetched.partition} is not the request id's, of {partitions}",
        ),
    )
    for reason, right, detail in checks:
        if not right.all():
            for position in map(int, np.flatnonzero(~right)):
                if position not in found:
                    found[position] = _poison(fetched, position, Verdict(reason, detail))


def _keys_match(rows: Rows, keys: list[bytes | None]) -> Mask:
    expected = rows["request_id"]
    if None not in keys and set(map(len, cast(list[bytes], keys))) == {_KEY_BYTES}:
        joined = np.frombuffer(b"".join(cast(list[bytes], keys)), np.uint64).reshape(-1, 2)
        return np.asarray((joined == expected.view(np.uint64)).all(axis=1))
    return np.fromiter((key == expected[i].tobytes() for i, key in enumerate(keys)), np.bool_, len(keys))


def _poison(fetched: Fetched, position: int, verdict: Verdict) -> Poison:
    offset, schema = int(fetched.offsets[position]), fetched.schema_name(position)
    return Poison(position, offset, verdict.reason, verdict.detail, schema)


def _blank(rows: Rows, poison: Poison, fetched: Fetched) -> None:
    """Make a row POISON: place, time, reason and the digest of the raw record stay."""
    position = poison.position
    for name in COLUMNS:
        rows[name][position] = 0
    rows["kind"][position] = POISON
    rows["reason"][position] = poison.reason
    digest = undecoded(fetched.keys[position], fetched.values[position])
    rows["digest"][position] = np.frombuffer(digest, np.uint8)
