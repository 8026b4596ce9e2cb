"""Writers' schemas through a registry that denies, fails and comes back."""

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from consumer.core.schema_wait import SchemaWait
from consumer.shell.schemas import Schemas, UnknownSchemaIdError
from tally.base.fingerprint import fingerprint
from tally.base.framing import SchemaName
from tally.event.codes import UNKNOWN_SCHEMA
from tally.event.verdict import Event, Poison, SchemaUnavailable
from tally.generated.topics import SUMS, SUMS_DLT
from tally.registry.errors import RegistryUnreachable, SchemaUnknown
from tests_support.ledger.records import body
from tests_support.waiting import eventually

DENIALS_S = 3.0
STRING = json.dumps("string")
GUID = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")


@dataclass
class Registry:
    """A registry in memory."""

    schemas: dict[SchemaName, str] = field(default_factory=dict)
    subjects: dict[str, int] = field(default_factory=lambda: {SUMS.subject: 1, SUMS_DLT.subject: 2})
    down: bool = False
    asked: list[SchemaName] = field(default_factory=list)
    answering: Callable[[], None] = lambda: None

    def lookup(self, subject: str, _text: str) -> int:
        self._answer()
        if subject not in self.subjects:
            raise SchemaUnknown(f"the registry does not have our schema under {subject}")
        return self.subjects[subject]

    def schema(self, name: SchemaName) -> str:
        self.asked.append(name)
        self._answer()
        if name not in self.schemas:
            raise SchemaUnknown(f"does not know schema {name}")
        return self.schemas[name]

    def _answer(self) -> None:
        self.answering()
        if self.down:
            raise RegistryUnreachable("the registry is not reachable")


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schemas(registry: Registry, clock: Clock) -> Schemas:
    own = Schemas(registry, DENIALS_S, clock)
    own.own()
    return own


def waiting(*names: SchemaName) -> SchemaWait:
    return SchemaWait(dict.fromkeys(names, 0), 1)


def test_our_own_ids_come_by_lookup_and_records_of_ours_take_the_fast_way(schemas: Schemas) -> None:
    """The ids of our own schemas come from the registry, and records with the id of SumAdded are decoded as columns."""
    assert (schemas.own().sums, schemas.own().dead_letters) == (1, 2)
    assert schemas.view().fast_ids == {1}
    assert schemas.view().fingerprint(1) == SUMS.fingerprint


def test_a_schema_of_ours_that_is_not_registered_is_waited_for(registry: Registry, clock: Clock) -> None:
    """While one of our schemas is not registered that is told with its subject, and once it is, its id is found."""
    schemas = Schemas(registry, DENIALS_S, clock)
    del registry.subjects[SUMS_DLT.subject]
    with pytest.raises(SchemaUnavailable, match=SUMS_DLT.subject):
        schemas.own()
    registry.subjects[SUMS_DLT.subject] = 2
    assert schemas.own().dead_letters == 2


def test_an_unknown_id_is_never_asked_for_while_decoding(schemas: Schemas, registry: Registry) -> None:
    """Decoding a record with an unknown schema id raises and asks the registry nothing, so a batch is never held up."""
    with pytest.raises(UnknownSchemaIdError, match="9"):
        schemas.view().general(9, b"")
    assert registry.asked == []


def test_an_id_is_poison_only_when_it_was_denied_twice_some_time_apart(
    schemas: Schemas, registry: Registry, clock: Clock
) -> None:
    """A schema id becomes UNKNOWN_SCHEMA only after two denials with the required time between them."""
    wait = waiting(9)
    for _ in range(3):
        with pytest.raises(SchemaUnavailable, match="asked again"):
            schemas.resolve(wait)
        clock.now_s += DENIALS_S / 4
    assert registry.asked == [9]
    clock.now_s += DENIALS_S
    schemas.resolve(wait)
    assert registry.asked == [9, 9]
    verdict = schemas.view(wait).general(9, b"")
    assert isinstance(verdict, Poison)
    assert verdict.reason == UNKNOWN_SCHEMA


def test_a_verdict_on_an_id_is_for_the_records_that_wait_and_not_for_ever(schemas: Schemas, clock: Clock) -> None:
    """A denied id is poison for the records that waited for it, and is asked for again for records that come later."""
    wait = waiting(9)
    with pytest.raises(SchemaUnavailable):
        schemas.resolve(wait)
    clock.now_s += DENIALS_S
    schemas.resolve(wait)
    schemas.view().general(9, b"")
    clock.now_s += 1_000
    with pytest.raises(UnknownSchemaIdError):
        schemas.view().general(9, b"")
    assert isinstance(schemas.view(wait).general(9, b""), Poison), "who waited for it has it until its block is written"


def test_a_flood_of_waits_for_one_denied_id_is_two_questions(
    schemas: Schemas, registry: Registry, clock: Clock
) -> None:
    """However many waits need the same denied id, the registry is asked for it twice."""
    with pytest.raises(SchemaUnavailable):
        schemas.resolve(waiting(9))
    clock.now_s += DENIALS_S
    for _ in range(50):
        schemas.resolve(waiting(9))
    assert registry.asked == [9, 9]


def test_a_registry_that_cannot_be_reached_is_no_denial(schemas: Schemas, registry: Registry, clock: Clock) -> None:
    """A registry that cannot be reached denies nothing and is asked for one name a round, until it answers again."""
    registry.down = True
    wait = waiting(9, 10, 11)
    for round_ in range(3):
        with pytest.raises(SchemaUnavailable, match="not reachable"):
            schemas.resolve(wait)
        assert registry.asked == [9] * (round_ + 1), "a registry that fails is asked for one name a round"
        clock.now_s += DENIALS_S
    registry.down = False
    with pytest.raises(SchemaUnavailable, match="asked for again"):
        schemas.resolve(wait)
    assert wait.open_names == [9, 10, 11]


def test_a_slow_registry_is_asked_for_a_while_and_then_the_rest_in_the_next_round(
    schemas: Schemas, registry: Registry, clock: Clock
) -> None:
    """A slow registry is asked for what fits into a round's time, and for the rest in the following rounds."""

    def slowly() -> None:
        clock.now_s += 2.0

    registry.answering = slowly
    names = list(range(100, 110))
    registry.schemas |= dict.fromkeys(names, SUMS.schema)
    wait = waiting(*names)
    with pytest.raises(SchemaUnavailable):
        schemas.resolve(wait)
    assert 0 < len(registry.asked) < 5
    while wait.open_names:
        with suppress(SchemaUnavailable):
            schemas.resolve(wait)
    assert registry.asked == names


def test_nobody_waits_while_another_thread_asks_a_registry_that_does_not_answer(
    schemas: Schemas, registry: Registry
) -> None:
    """While one thread waits for a registry that hangs, others still get everything that is known already."""
    registry.schemas[9] = SUMS.schema
    schemas.resolve(waiting(9))
    release = threading.Event()

    def hang() -> None:
        release.wait(60)

    registry.answering = hang
    with ThreadPoolExecutor(2) as pool:
        stuck = pool.submit(schemas.resolve, waiting(10))
        eventually(lambda: registry.asked == [9, 10], 20, "the registry is asked")
        done = pool.submit(lambda: (schemas.own(), schemas.own_here(), schemas.view().fast_ids, schemas.pinned([1, 9])))
        try:
            own, here, fast, pinned = done.result(20)
        finally:
            release.set()
        assert own == here
        assert fast == {1, 9}
        assert pinned == dict.fromkeys((1, 9), SUMS.fingerprint)
        with pytest.raises(SchemaUnavailable):
            stuck.result(20)


def test_an_id_that_means_our_schema_takes_the_fast_way_too(schemas: Schemas, registry: Registry) -> None:
    """An id that the registry resolves to our own schema is decoded as columns, like our own id."""
    registry.schemas[9] = SUMS.schema
    wait = waiting(9)
    schemas.resolve(wait)
    assert 9 in schemas.view().fast_ids
    assert schemas.view(wait).fingerprint(9) == SUMS.fingerprint


def test_caches_are_bounded_and_who_waited_for_a_forgotten_schema_still_has_it(
    schemas: Schemas, registry: Registry
) -> None:
    """The cache of schemas is bounded, and a wait keeps its answers even when the cache has dropped them."""
    names = range(100, 2_600)
    registry.schemas |= dict.fromkeys(names, STRING)
    registry.schemas[9] = SUMS.schema
    wait = waiting(9, *names)
    schemas.resolve(wait)
    with pytest.raises(UnknownSchemaIdError):
        schemas.view().general(100, b"")
    assert schemas.view().fast_ids == {1}
    own = schemas.view(wait)
    assert own.fast_ids == {1, 9}
    assert isinstance(own.general(100, b""), Poison)
    assert own.fingerprint(100) == fingerprint(STRING)


def test_a_guid_that_the_registry_denies_becomes_poison_as_an_id_does(schemas: Schemas, clock: Clock) -> None:
    """A schema GUID that is denied twice is UNKNOWN_SCHEMA, and the detail names the GUID."""
    with pytest.raises(UnknownSchemaIdError, match=f"GUID {GUID}"):
        schemas.view().general(GUID, b"")
    wait = waiting(GUID, 9)
    with pytest.raises(SchemaUnavailable, match="asked for again"):
        schemas.resolve(wait)
    clock.now_s += DENIALS_S
    schemas.resolve(wait)
    verdict = schemas.view(wait).general(GUID, b"")
    assert isinstance(verdict, Poison)
    assert (verdict.reason, str(GUID) in verdict.detail) == (UNKNOWN_SCHEMA, True)


def test_a_guid_of_our_schema_is_read_and_is_no_fast_id(schemas: Schemas, registry: Registry) -> None:
    """A record whose header names our schema by its GUID is decoded, but not as columns."""
    registry.schemas[GUID] = SUMS.schema
    wait = waiting(GUID)
    schemas.resolve(wait)
    event = schemas.view(wait).general(GUID, body(bytes(16), 1, 2))
    assert isinstance(event, Event)
    assert GUID not in schemas.view(wait).fast_ids


def test_the_pinned_ids_of_a_ledger_are_compared_with_what_the_registry_says_now(
    schemas: Schemas, registry: Registry
) -> None:
    """Pinned ids get the fingerprints that the registry has now, empty where denied; an unreachable registry raises."""
    registry.schemas[4] = STRING
    assert schemas.pinned([4, 5]) == {4: fingerprint(STRING), 5: None}
    registry.down = True
    with pytest.raises(SchemaUnavailable):
        schemas.pinned([6])
