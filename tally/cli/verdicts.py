"""The consumer's verdict on one record, for whoever else reads the topic: the same decision in the same words.

What is here is the ingest loop's own decoding of a batch of one, so `tally tail` and the ledger cannot disagree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np

from contracts.generated.avro.sum_added import SumAdded
from contracts.generated.topics import SUMS
from tally.base import varint
from tally.base.framing import FRAME_BYTES, SchemaName
from tally.event import resolution
from tally.event.classify import Fetched, Verdict, decode
from tally.event.digest import undecoded
from tally.event.resolution import Resolved
from tally.event.rows import NONE, REASON_NAMES, UNKNOWN_SCHEMA, Rows
from tally.registry.errors import SchemaUnknown
from tally.registry.lookup import RegisteredSchema

__all__ = ["Counts", "Poisoned", "Verdicts", "record_digest"]

_SCHEMAS_MAX: Final = 1_000
_MOMENT_AT: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT_MAX_US: Final = 253_402_300_799_999_999  # the end of the year 9999

record_digest = undecoded
"""(key, value) -> the 16 bytes that a POISON row and a dead letter's header ``source-digest`` hold."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A record that is an addition; numbers are unscaled. ``added_at`` is clipped to what Python can say."""

    schema: SchemaName
    request_id: UUID
    a: int
    b: int
    sum: int
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Poisoned:
    """A record that cannot be counted, with a reason of the contract and a sentence for a person."""

    reason: str
    detail: str


class Verdicts:
    """Decides with what a registry knows now. Not for several threads."""

    def __init__(
        self, our_schema_id: int, schema: Callable[[SchemaName], RegisteredSchema], partitions: int = SUMS.partitions
    ) -> None:
        """``schema`` raises SchemaUnknown for what the registry denies; its other errors pass through."""
        self._schema = schema
        self._partitions = partitions
        self._ours = frozenset({our_schema_id})
        self._resolved: dict[SchemaName, Resolved] = {}

    def on(self, partition: int, key: bytes | None, value: bytes | None, header: bytes | None) -> Counts | Poisoned:
        """Return the verdict on a record. ``header`` is its first SCHEMA_HEADER that has a value."""
        fetched = Fetched(
            partition, np.zeros(1, np.int64), np.zeros(1, np.int64), [key], [value], lambda _position: header
        )
        name = fetched.schema_name(0)
        fast = self._ours | ({name} if isinstance(name, int) and self._means_ours(name) else frozenset())
        read: list[SumAdded] = []

        def general(name: SchemaName, body: bytes) -> SumAdded | Verdict:
            outcome = self._read(name, body)
            if isinstance(outcome, SumAdded):
                read.append(outcome)
            return outcome

        decoded = decode(
            fetched, partitions=self._partitions, fast_schema_ids=fast, general=general, verdicts={}
        )  # fmt: skip
        if int(decoded.rows["reason"][0]) != NONE:
            return Poisoned(REASON_NAMES[int(decoded.rows["reason"][0])], decoded.poison[0].detail)
        assert value is not None, "a record without a value is FRAMING"
        if read:
            assert name is not None, "what was read by its schema has named it"
            return _counts(decoded.rows[0], name, read[0].added_at)
        framed = next(iter(decoded.schema_ids))
        body = value if header is not None and len(value) < FRAME_BYTES + SumAdded.WIDTH else value[FRAME_BYTES:]
        return _counts(decoded.rows[0], framed, _moment(body))

    def _means_ours(self, name: SchemaName) -> bool:
        resolved = self._resolve(name)
        return resolved is not None and resolved.fingerprint == SUMS.fingerprint

    def _read(self, name: SchemaName, body: bytes) -> SumAdded | Verdict:
        resolved = self._resolve(name)
        if resolved is None:
            return Verdict(UNKNOWN_SCHEMA, f"the registry does not know schema {name}")
        return resolution.read(resolved, body)

    def _resolve(self, name: SchemaName) -> Resolved | None:
        if name not in self._resolved:
            try:
                found = self._schema(name)
            except SchemaUnknown:
                return None
            self._resolved[name] = resolution.resolve(found.text, found.fingerprint)
            if len(self._resolved) > _SCHEMAS_MAX:
                del self._resolved[next(iter(self._resolved))]
        return self._resolved[name]


def _counts(row: Rows, schema: SchemaName, added_at: datetime) -> Counts:
    a, b, total = (int.from_bytes(row[column].tobytes(), "big", signed=True) for column in ("a", "b", "sum"))
    return Counts(schema, UUID(bytes=row["request_id"].tobytes()), a, b, total, added_at)


def _moment(body: bytes) -> datetime:
    micros, _ = varint.decode(body, _MOMENT_AT)
    return _EPOCH + timedelta(microseconds=min(max(micros, 0), _MOMENT_MAX_US))
