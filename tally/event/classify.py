"""A batch of fetched records as columns, each with the verdict that ``read_one`` gives it alone.

All values of the common form are checked at once; what plainly counts needs no more. Any other record is read one by
one. Trouble that may pass, such as a registry out of reach, is no verdict: ``general`` raises SchemaUnavailable,
``decode`` lets it out, and the caller pauses the partition.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from tally.base.framing import SchemaName
from tally.event.codes import POISON, WRONG_KEY, WRONG_PARTITION, WRONG_SUM
from tally.event.digest import DIGEST_BYTES, operands, undecoded
from tally.event.int128 import adds_up, halves, in_range
from tally.event.partitions import partition_column
from tally.event.read_one import read_one, schema_name
from tally.event.rows import Mask, Offsets, Rows, no_rows
from tally.event.values import COLUMNS, columns_of, distinct, read_fast
from tally.event.verdict import General, Poison, Sum


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
    common form: looking at every record's headers would cost measurable time."""

    def until(self, position: int) -> "Fetched":
        """Return the records before a position."""
        return replace(
            self,
            offsets=self.offsets[:position],
            timestamps_ms=self.timestamps_ms[:position],
            keys=self.keys[:position],
            values=self.values[:position],
        )

    def schema_name(self, position: int, own_schema_ids: frozenset[int] = frozenset()) -> SchemaName | None:
        """Return what names the writer's schema of a record, or None when nothing does.

        Of values in the common form of our schema's ids the frame does, whatever a header says.
        """
        return schema_name(self.values[position], self.schema_header(position), own_schema_ids)


@dataclass(frozen=True, slots=True)
class PoisonRow:
    """One POISON row of a batch. ``position`` is its place in Fetched, where its bytes are."""

    position: int
    offset: int
    poison: Poison


@dataclass(frozen=True)
class Decoded:
    """A batch as columns. Rows that are not poison have kind 0 until ``fold`` classifies them.

    ``schema_ids``: the writer schema ids of the rows that were read; the ledger's header pins them. GUIDs need no pin:
    one means the same schema in every registry.
    """

    partition: int
    rows: Rows
    poison: tuple[PoisonRow, ...]
    schema_ids: frozenset[int]


_KEY_BYTES: Final = 16
_TIMESTAMP_MS_MAX: Final = (1 << 63) // 1000 - 1
"""Beyond it, microseconds would not fit 64 bits; such a timestamp (LogAppendTime has none) is clipped."""
_READ: Final = frozenset({WRONG_SUM, WRONG_KEY, WRONG_PARTITION})
"""Reasons of records whose schema was known and whose values are ours."""


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
    # 1. values of the common form as columns, and which of these plainly count
    fast, ids = read_fast(rows, fetched.values, fast_schema_ids)
    counts = fast & _count(rows, fetched, partitions)
    if verdicts:
        counts &= ~np.isin(fetched.offsets, list(verdicts))
    # 2. the others one by one, in their order
    schema_ids = distinct(ids if counts.all() else ids[counts[fast]])
    sums: dict[int, Sum] = {}
    found: list[PoisonRow] = []
    for position, offset in zip(np.flatnonzero(~counts).tolist(), fetched.offsets[~counts].tolist(), strict=True):
        outcome = (
            Poison(verdicts[offset], "as its dead letter says", fetched.schema_name(position, fast_schema_ids))
            if offset in verdicts
            else read_one(
                fetched.partition,
                fetched.keys[position],
                fetched.values[position],
                fetched.schema_header(position),
                partitions=partitions,
                own_schema_ids=fast_schema_ids,
                general=general,
            )
        )
        if isinstance(outcome, Sum):
            sums[position] = outcome
        else:
            found.append(PoisonRow(position, offset, outcome))
        if isinstance(outcome.schema, int) and (isinstance(outcome, Sum) or outcome.reason in _READ):
            schema_ids.add(outcome.schema)
    _fill(rows, sums)
    # 3. digests
    rows["digest"] = operands(halves(rows["a"]), halves(rows["b"]))
    _blank(rows, found, fetched)
    return Decoded(fetched.partition, rows, tuple(found), frozenset(schema_ids))


def _count(rows: Rows, fetched: Fetched, partitions: int) -> Mask:
    """Tell of which rows' values ``read_one`` makes a Sum."""
    hi, lo = halves(rows["request_id"])
    a, b, total = halves(rows["a"]), halves(rows["b"]), halves(rows["sum"])
    right: Mask = (
        in_range(a)
        & in_range(b)
        & in_range(total)
        & adds_up(a, b, total)
        & _keys_match(rows, fetched.keys)
        & (partition_column(hi, lo, partitions) == np.uint64(fetched.partition))
    )
    return right


def _keys_match(rows: Rows, keys: list[bytes | None]) -> Mask:
    expected = rows["request_id"]
    if None not in keys and set(map(len, cast(list[bytes], keys))) == {_KEY_BYTES}:
        joined = np.frombuffer(b"".join(cast(list[bytes], keys)), np.uint64).reshape(-1, 2)
        return np.asarray((joined == expected.view(np.uint64)).all(axis=1))
    return np.fromiter((key == expected[i].tobytes() for i, key in enumerate(keys)), np.bool_, len(keys))


def _fill(rows: Rows, sums: Mapping[int, Sum]) -> None:
    """Put what was read one by one into its rows."""
    if sums:
        where = list(sums)
        columns = np.frombuffer(b"".join(map(columns_of, sums.values())), np.uint8).reshape(-1, len(COLUMNS), 16)
        for k, name in enumerate(COLUMNS):
            rows[name][where] = columns[:, k]


def _blank(rows: Rows, found: list[PoisonRow], fetched: Fetched) -> None:
    """Make rows POISON: place, time, reason and the digest of the raw record stay."""
    if found:
        where = [one.position for one in found]
        for name in COLUMNS:
            rows[name][where] = 0
        rows["kind"][where] = POISON
        rows["reason"][where] = [one.poison.reason for one in found]
        digests = b"".join(undecoded(fetched.keys[position], fetched.values[position]) for position in where)
        rows["digest"][where] = np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)
