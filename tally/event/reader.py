"""Reading records one by one, by what a registry knows now."""

from collections.abc import Callable
from typing import Final, TypeAlias

from tally.base.bounded_cache import BoundedCache
from tally.base.framing import FRAME_BYTES, MAGIC, SCHEMA_HEADER, SchemaName, unframe
from tally.event import resolution
from tally.event.read_one import read_one, schema_name
from tally.event.record import Record
from tally.event.resolution import Resolved
from tally.event.values import is_common
from tally.event.verdict import Event, Poison, Sum, unknown_schema
from tally.generated.topics import SUMS

SchemaText: TypeAlias = Callable[[SchemaName], str | None]
"""Schema id or GUID -> its text, None when the registry denies that it knows it. What it raises passes through."""

_SCHEMAS_MAX: Final = 1_000
_TEXT_BYTES_MAX: Final = 8 * 1024 * 1024


class Reader:
    """Gives each record the verdict that the ledger has on it. Not thread-safe.

    A denial is not kept, so that a schema that is registered later is found.
    """

    def __init__(self, own_schema_id: int, schema_text: SchemaText, partitions: int = SUMS.partitions) -> None:
        self._schema_text = schema_text
        self._partitions = partitions
        self._own_ids = frozenset({own_schema_id})
        self._resolved: BoundedCache[SchemaName, Resolved] = BoundedCache(_SCHEMAS_MAX, _TEXT_BYTES_MAX)

    def read(self, record: Record) -> Sum | Poison:
        """Return a record's sum, or why it has none."""
        header = record.headers.get(SCHEMA_HEADER)
        own_ids = self._own_ids if header is None else self._own_ids | self._ours_by_frame(record.value or b"")
        name = schema_name(record.value, header, own_ids)
        resolved = None if name is None or name in own_ids else self._resolve(name)
        if isinstance(name, int) and resolved is not None and resolved.fingerprint == SUMS.fingerprint:
            own_ids |= {name}

        def general(name: SchemaName, body: bytes) -> Event | Poison:
            return unknown_schema(name) if resolved is None else resolution.read(resolved, body)

        return read_one(
            record.partition,
            record.key,
            record.value,
            header,
            partitions=self._partitions,
            own_schema_ids=own_ids,
            general=general,
        )

    def _ours_by_frame(self, value: bytes) -> set[int]:
        """Return the id before a value of the common form if its schema means ours: then no header is looked at."""
        if len(value) < FRAME_BYTES or value[0] != MAGIC:
            return set()
        schema_id = unframe(value)[0]
        if schema_id in self._own_ids or not is_common(value, frozenset({schema_id})):
            return set()
        resolved = self._resolve(schema_id)
        return {schema_id} if resolved is not None and resolved.fingerprint == SUMS.fingerprint else set()

    def _resolve(self, name: SchemaName) -> Resolved | None:
        known = self._resolved.get(name)
        text = None if known else self._schema_text(name)
        if text is None:
            return known
        resolved = resolution.resolve(text)
        self._resolved.put(name, resolved, weight=len(text))
        return resolved
