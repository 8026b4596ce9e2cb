"""From fetched records to columns: framing, schema, range, sum, key and partition are checked here, nowhere else.

A record that fails a check becomes a POISON row with the first reason that applies, in the order of the contract's
reasons. Trouble that may pass (the registry cannot be reached) is no verdict: ``general`` raises SchemaUnavailable,
``decode`` lets it out, and the caller pauses the partition.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.rows import Offsets, Rows
from contracts.generated.avro.sum_added import SumAdded


class SchemaUnavailable(Exception):
    """A writer's schema cannot be had at the moment; the records must be decoded later, not poisoned."""


@dataclass(frozen=True)
class Fetched:
    """Records of one partition in the order of the topic: read_committed, offsets strictly increasing."""

    partition: int
    offsets: Offsets
    timestamps_ms: Offsets
    keys: list[bytes | None]
    values: list[bytes | None]


@dataclass(frozen=True)
class Verdict:
    """Why a record cannot be counted: a reason's code of ``rows`` (UNKNOWN_SCHEMA, ...) and a sentence for a person."""

    reason: int
    detail: str


@dataclass(frozen=True)
class Poison:
    """One POISON row of a batch. ``position`` is its place in Fetched, where its bytes are."""

    position: int
    offset: int
    reason: int
    detail: str
    schema_id: int | None


@dataclass(frozen=True)
class Decoded:
    """A batch as columns. Rows that are not poison have kind 0 until ``fold`` classifies them.

    ``schema_ids``: the writer schema ids of the rows that decoded; the ledger's header pins them.
    """

    partition: int
    rows: Rows
    poison: tuple[Poison, ...]
    schema_ids: frozenset[int]


General: TypeAlias = Callable[[int, bytes], SumAdded | Verdict]
"""(schema id, body) -> the event in our schema, or why there is none. May raise SchemaUnavailable."""


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
    raise NotImplementedError
