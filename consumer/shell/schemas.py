"""Writers' schemas: ours by lookup, others by id, and the general way to read a record that is not in our layout.

Theory of operation. The ingest loop reads records through a ``SchemaView``, which never asks the registry: a name
that it does not know raises ``UnknownSchemaIdError``, the loop parks the partition with a ``SchemaWait``, and the
partition's recovery calls ``resolve`` in a thread of its own, again and again until the wait is over. What is
remembered here beside the waits is for all partitions and bounded:

    unknown --the registry gives its schema--> known, until others were used later
    unknown --denied--> denied once --denied again ``denials_s`` later--> poison for ``_VERDICT_KEPT_S``, then unknown

A GUID, by which Confluent's newer framing names a schema, goes the same way; Apicurio 3.3 knows none, so there each is
denied. A registry that does not answer, or says that it cannot, changes nothing. Our own two subjects are looked up,
never registered. The lock guards memory only: no thread holds it while it asks the registry.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from loguru import logger

from consumer.core.schema_wait import NAMES_MAX, Answer, Denials, Denied, SchemaWait
from tally.base.bounded_cache import BoundedCache
from tally.base.framing import SchemaName, spoken
from tally.base.loading_cache import LoadingCache
from tally.event import resolution
from tally.event.resolution import Resolved
from tally.event.verdict import Event, Poison, SchemaUnavailable, unknown_schema
from tally.generated.topics import SUMS, SUMS_DLT, TopicFacts
from tally.registry.errors import RegistryError, SchemaUnknown

_VERDICT_KEPT_S: Final = 60.0
"""So that a flood of records with one bad name is not a flood of questions; short, as the schema may be registered."""
_ROUND_S: Final = 5.0
"""After so long ``resolve`` asks no more, so that a partition that is given up is soon let go."""
_KNOWN_MAX: Final = 2_000
_KNOWN_TEXT_BYTES_MAX: Final = 8 * 1024 * 1024
_POISON_MAX: Final = 10_000
_DENIALS_MAX: Final = 50_000
assert 2 * SUMS.partitions * NAMES_MAX < _DENIALS_MAX, "no partition's denials push out another's"


class UnknownSchemaIdError(SchemaUnavailable):
    """A writer's schema id is to be resolved before the batch can be decoded."""

    def __init__(self, name: SchemaName) -> None:
        super().__init__(f"schema {spoken(name)} is not known yet")


class Registry(Protocol):
    """What is asked of the schema registry; `SchemaRegistry` is the real one. Both raise RegistryError."""

    def lookup(self, subject: str, schema_text: str, /) -> int:
        """Return the id of our schema under a subject."""

    def schema(self, name: SchemaName, /) -> str:
        """Return the text of the schema with an id or a GUID."""


@dataclass(frozen=True, slots=True)
class OwnIds:
    """The registry's ids of our schemas."""

    sums: int
    dead_letters: int


class SchemaView:
    """What one batch is read with. It asks nobody, and what it has said of a name it says until its end."""

    def __init__(
        self, ours: int, fast_ids: frozenset[int], find: Callable[[SchemaName], Answer | None], wait: SchemaWait | None
    ) -> None:
        self._find = find
        self._wait = wait
        self._said: dict[SchemaName, Answer] = {}
        self.ours = ours
        awaited = wait.names_of(SUMS.fingerprint) if wait is not None else ()
        self.fast_ids = fast_ids.union(name for name in awaited if isinstance(name, int))
        """The ids whose schema means the same as ours: their records have our layout."""

    def knows(self, name: SchemaName) -> bool:
        """Tell whether records with this name can be read, be it as poison."""
        return name in self.fast_ids or self._answer(name) is not None

    def general(self, name: SchemaName, body: bytes) -> Event | Poison:
        """Read one body of any writer, or say why not. Raises UnknownSchemaIdError."""
        match self._answer(name):
            case Resolved() as known:
                return resolution.read(known, body)
            case Denied():
                return unknown_schema(name)
            case None:
                raise UnknownSchemaIdError(name)

    def fingerprint(self, schema_id: int) -> str:
        """Return the fingerprint of an id that was read with; a KeyError is a broken invariant."""
        if schema_id in self.fast_ids:
            return SUMS.fingerprint
        said = self._said[schema_id]
        assert isinstance(said, Resolved), "what was read has a schema"
        return said.fingerprint

    def _answer(self, name: SchemaName) -> Answer | None:
        answer = self._said.get(name) or (self._wait.answer(name) if self._wait else None) or self._find(name)
        if answer is not None:
            self._said[name] = answer
        return answer


class Schemas:
    """See the module's theory of operation. Safe from several threads."""

    def __init__(self, registry: Registry, denials_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._own_ids: LoadingCache[str, OwnIds] = LoadingCache(1)
        self._own: OwnIds | None = None
        self._known: BoundedCache[SchemaName, Resolved] = BoundedCache(_KNOWN_MAX, _KNOWN_TEXT_BYTES_MAX)
        self._denials = Denials(denials_s, _DENIALS_MAX)
        self._poison_until_s: BoundedCache[SchemaName, float] = BoundedCache(_POISON_MAX)
        self._fast: frozenset[int] = frozenset()

    def own(self) -> OwnIds:
        """Return our ids, looked up once. Raises SchemaUnavailable with the reason."""
        return self._own_ids.get("own", self._look_up_own)

    def own_here(self) -> OwnIds:
        """Return our ids, which some recovery looked up before. Asks nobody."""
        assert self._own is not None, "no partition is recovered without our ids"
        return self._own

    def view(self, wait: SchemaWait | None = None) -> SchemaView:
        """Return what a batch is read with now, by a partition that waited for ``wait``. Asks nobody."""
        return SchemaView(self.own_here().sums, self._fast, self._find, wait)

    def resolve(self, wait: SchemaWait) -> None:
        """Ask the registry for what a wait lacks, for a while. Raises SchemaUnavailable while a name has no answer."""
        until_s = self._monotonic_s() + _ROUND_S
        for name in wait.open_names:
            answer = self._find(name)
            if answer is not None:
                wait.settle(name, answer)
            elif self._monotonic_s() >= until_s:
                break
            else:
                self._ask_for(name, wait)
        if left := wait.open_names:
            raise SchemaUnavailable(_unsettled(left, len(wait)))

    def pinned(self, schema_ids: Iterable[int]) -> dict[int, str | None]:
        """Return the fingerprints that a ledger's pinned ids have in the registry now; a denied id has None.

        Raises SchemaUnavailable.
        """
        found: dict[int, str | None] = {}
        for schema_id in schema_ids:
            known = self._find(schema_id)
            try:
                found[schema_id] = (known if isinstance(known, Resolved) else self._fetch(schema_id)[0]).fingerprint
            except SchemaUnknown:
                found[schema_id] = None
        return found

    def _find(self, name: SchemaName) -> Answer | None:
        """Return what is remembered of a name."""
        with self._lock:
            if self._own is not None and name == self._own.sums:
                return _OURS
            known = self._known.get(name)
            if known is None and (self._poison_until_s.get(name) or 0.0) > self._monotonic_s():
                return Denied()
            return known

    def _ask_for(self, name: SchemaName, wait: SchemaWait) -> None:
        """Ask once, unless a denial would tell nothing new. Raises SchemaUnavailable without a definite answer."""
        asked_s = self._monotonic_s()
        with self._lock:
            if not self._denials.may_ask(name, asked_s):
                return
        try:
            resolved, text_bytes = self._fetch(name)
        except SchemaUnknown:
            now_s = self._monotonic_s()
            with self._lock:
                if not self._denials.is_verdict(name, asked_s, now_s):
                    return
                self._poison_until_s.put(name, now_s + _VERDICT_KEPT_S)
            wait.settle(name, Denied())
        else:
            wait.settle(name, resolved, text_bytes)

    def _fetch(self, name: SchemaName) -> tuple[Resolved, int]:
        """Return a schema and its size. Raises SchemaUnknown, SchemaUnavailable."""
        try:
            text = self._registry.schema(name)
        except SchemaUnknown:
            raise
        except RegistryError as error:
            raise SchemaUnavailable(f"schema {spoken(name)} cannot be looked up: {error}") from error
        resolved = resolution.resolve(text)
        with self._lock:
            self._denials.given(name)
            forgotten = self._known.put(name, resolved, weight=len(text))
            ours = {name} if isinstance(name, int) and resolved.fingerprint == SUMS.fingerprint else set()
            self._fast = (self._fast | ours).difference(forgotten)
        return resolved, len(text)

    def _look_up_own(self) -> OwnIds:
        own = OwnIds(sums=self._look_up(SUMS), dead_letters=self._look_up(SUMS_DLT))
        with self._lock:
            self._own = own
            self._fast |= {own.sums}
        logger.bind(sums=own.sums, dead_letters=own.dead_letters).info("schemas are in the registry")
        return own

    def _look_up(self, facts: TopicFacts) -> int:
        try:
            return self._registry.lookup(facts.subject, facts.schema)
        except RegistryError as error:
            raise SchemaUnavailable(f"our schema of subject {facts.subject} cannot be looked up: {error}") from error


def _unsettled(left: list[SchemaName], asked: int) -> str:
    if asked == 1:
        return f"the registry does not know schema {spoken(left[0])}; it is asked again before that is a verdict"
    return (
        f"the registry has told of {asked - len(left)} of {asked} schemas; {spoken(left[0])} and others that it does "
        "not know are asked for again before that is a verdict"
    )


_OURS: Final = resolution.resolve(SUMS.schema)
