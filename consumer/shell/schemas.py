"""Writers' schemas: ours by lookup, others by id, and the general way to read a record that is not in our layout.

Theory of operation. ``general`` is called by the decoder in the ingest loop and never asks the registry: an id that
is not known yet raises ``UnknownSchemaIdError``, the loop parks the partition, and the partition's recovery calls
``resolve`` in a thread of its own. An id is

    unknown --the registry gives its schema--> known (for ever: ids are never reused by an honest registry)
    unknown --denied--> denied once --denied again ``denials_s`` later--> poison for ``_VERDICT_KEPT_S``, then unknown

A GUID, by which Confluent's newer framing names a schema, goes the same way; Apicurio 3.3 knows none, so there each is
denied. A registry that cannot be reached changes nothing. Our own two subjects are looked up, never registered.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from loguru import logger

from common.framing import SchemaName
from common.registry import RegistryError, SchemaRegistry, SchemaUnknown, spoken
from consumer.core import schema_resolution
from consumer.core.event import Fetched, SchemaUnavailable, Verdict
from consumer.core.rows import UNKNOWN_SCHEMA
from consumer.core.schema_resolution import Resolved
from contracts.generated.avro.sum_added import SumAdded
from contracts.generated.topics import SUMS, SUMS_DLT, TopicFacts

_VERDICT_KEPT_S: Final = 60.0
"""Long enough for the partition to fetch the record again; short, as the schema may be registered later."""
_KNOWN_MAX: Final = 10_000
"""Ids kept; beyond it the oldest is forgotten and asked for again."""


class UnknownSchemaIdError(SchemaUnavailable):
    """A writer's schema id is to be resolved before the batch can be decoded."""

    def __init__(self, name: SchemaName) -> None:
        super().__init__(f"schema {spoken(name)} is not known yet")
        self.name = name


@dataclass(frozen=True, slots=True)
class OwnIds:
    """The registry's ids of our schemas."""

    sums: int
    dead_letters: int


class Schemas:
    """See the module's theory of operation. Safe from several threads."""

    def __init__(
        self, registry: SchemaRegistry, denials_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._denials_s = denials_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._own: OwnIds | None = None
        self._known: dict[SchemaName, Resolved] = {}
        self._first_denied_s: dict[SchemaName, float] = {}
        self._poison_until_s: dict[SchemaName, float] = {}
        self._fast: frozenset[int] = frozenset()

    def own(self) -> OwnIds:
        """Return our ids, looked up once. Raises SchemaUnavailable with the reason."""
        with self._lock:
            if self._own is None:
                self._own = OwnIds(sums=self._look_up(SUMS), dead_letters=self._look_up(SUMS_DLT))
                logger.bind(sums=self._own.sums, dead_letters=self._own.dead_letters).info(
                    "schemas are in the registry"
                )
            if self._own.sums not in self._known:
                self._add(self._own.sums, SUMS.schema, SUMS.fingerprint)
            return self._own

    @property
    def fast_ids(self) -> frozenset[int]:
        """The ids whose schema means the same as ours: their records have our layout."""
        return self._fast

    def fingerprint(self, schema_id: int) -> str:
        """Return the fingerprint of a known id; a KeyError is a broken invariant."""
        return self._known[schema_id].fingerprint

    def general(self, name: SchemaName, body: bytes) -> SumAdded | Verdict:
        """Read one body of any writer, or say why not. No I/O. Raises UnknownSchemaIdError."""
        known = self._known.get(name)
        if known is not None:
            return schema_resolution.read(known, body)
        if self._poison_until_s.get(name, 0.0) > self._monotonic_s():
            return Verdict(UNKNOWN_SCHEMA, f"the registry does not know schema {spoken(name)}")
        raise UnknownSchemaIdError(name)

    def unknown_ids(self, fetched: Fetched) -> set[SchemaName]:
        """Return every id in these records that must be resolved, so that one pause serves them all."""
        named = map(fetched.schema_name, range(len(fetched.values)))
        return {name for name in named if name is not None} - self._settled()

    def resolve(self, names: Iterable[SchemaName]) -> None:
        """Ask the registry for all of them. Raises SchemaUnavailable while one is not settled."""
        with self._lock:
            asked = sorted(set(names) - self._settled(), key=str)
            waiting = [text for text in map(self._resolve_one, asked) if text]
        if waiting:
            raise SchemaUnavailable(waiting[0])

    def pinned(self, schema_ids: Iterable[int]) -> dict[int, str]:
        """Return the fingerprints that a ledger's pinned ids have in the registry now; a denied id has "".

        Raises SchemaUnavailable.
        """
        found: dict[int, str] = {}
        with self._lock:
            for schema_id in schema_ids:
                if schema_id not in self._known:
                    try:
                        self._fetch(schema_id)
                    except SchemaUnknown:
                        found[schema_id] = ""
                        continue
                found[schema_id] = self._known[schema_id].fingerprint
        return found

    def _settled(self) -> set[SchemaName]:
        now_s = self._monotonic_s()
        poison = [name for name, until_s in list(self._poison_until_s.items()) if until_s > now_s]
        return set(self._known).union(poison)

    def _resolve_one(self, name: SchemaName) -> str:
        """Return nothing once the id is settled, else why it is not."""
        try:
            self._fetch(name)
        except SchemaUnknown:
            now_s = self._monotonic_s()
            first_s = self._first_denied_s.setdefault(name, now_s)
            if now_s - first_s < self._denials_s:
                return f"the registry does not know schema {spoken(name)}; it is asked again before that is a verdict"
            del self._first_denied_s[name]
            self._poison_until_s[name] = now_s + _VERDICT_KEPT_S
            _forget_oldest(self._poison_until_s)
            return ""
        self._first_denied_s.pop(name, None)
        return ""

    def _fetch(self, name: SchemaName) -> None:
        """Raises SchemaUnknown, SchemaUnavailable."""
        try:
            text, fingerprint = self._registry.schema(name)
        except SchemaUnknown:
            raise
        except RegistryError as error:
            raise SchemaUnavailable(f"schema {spoken(name)} cannot be looked up: {error}") from error
        self._add(name, text, fingerprint)

    def _add(self, name: SchemaName, text: str, fingerprint: str) -> None:
        self._known[name] = schema_resolution.resolve(text, fingerprint)
        _forget_oldest(self._known)
        ours = [known for known, schema in self._known.items() if schema.fingerprint == SUMS.fingerprint]
        self._fast = frozenset(known for known in ours if isinstance(known, int))

    def _look_up(self, facts: TopicFacts) -> int:
        try:
            return self._registry.lookup(facts.subject, facts.schema)
        except RegistryError as error:
            raise SchemaUnavailable(f"our schema of subject {facts.subject} is not to be had: {error}") from error


def _forget_oldest(entries: dict[SchemaName, Resolved] | dict[SchemaName, float]) -> None:
    while len(entries) > _KNOWN_MAX:
        del entries[next(iter(entries))]
