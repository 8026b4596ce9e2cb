"""Writers' schemas through a registry that denies, fails and comes back."""

import json
import uuid
from dataclasses import dataclass, field

import pytest

from common.framing import SchemaName, frame
from common.registry import RegisteredSchema, RegistryUnreachable, SchemaUnknown
from consumer.core.event import SchemaUnavailable, Verdict
from consumer.core.rows import UNKNOWN_SCHEMA
from consumer.shell.schemas import Schemas, UnknownSchemaIdError
from contracts.generated.avro.sum_added import SumAdded
from contracts.generated.topics import SUMS, SUMS_DLT
from tests_support.ledger_records import Record, body, fetched

DENIALS_S = 3.0
GUID = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")


@dataclass
class Registry:
    """A registry in memory."""

    schemas: dict[SchemaName, RegisteredSchema] = field(default_factory=dict)
    subjects: dict[str, int] = field(default_factory=lambda: {SUMS.subject: 1, SUMS_DLT.subject: 2})
    down: bool = False

    def lookup(self, subject: str, _text: str) -> int:
        self._answer()
        if subject not in self.subjects:
            raise SchemaUnknown(f"the registry does not have our schema under {subject}")
        return self.subjects[subject]

    def schema(self, name: SchemaName) -> RegisteredSchema:
        self._answer()
        if name not in self.schemas:
            raise SchemaUnknown(f"does not know schema {name}")
        return self.schemas[name]

    def _answer(self) -> None:
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
    return Schemas(registry, DENIALS_S, clock)  # type: ignore[arg-type] # only the two look-ups are used


def test_our_own_ids_come_by_lookup_and_records_of_ours_take_the_fast_way(schemas: Schemas) -> None:
    assert (schemas.own().sums, schemas.own().dead_letters) == (1, 2)
    assert schemas.fast_ids == {1}


def test_a_schema_of_ours_that_is_not_registered_is_waited_for(schemas: Schemas, registry: Registry) -> None:
    del registry.subjects[SUMS_DLT.subject]
    with pytest.raises(SchemaUnavailable, match=SUMS_DLT.subject):
        schemas.own()
    registry.subjects[SUMS_DLT.subject] = 2
    assert schemas.own().dead_letters == 2


def test_an_unknown_id_is_never_asked_for_while_decoding(schemas: Schemas, registry: Registry) -> None:
    registry.down = True
    with pytest.raises(UnknownSchemaIdError, match="9"):
        schemas.general(9, b"")


def test_an_id_is_poison_only_when_it_was_denied_twice_some_time_apart(schemas: Schemas, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(SchemaUnavailable, match="asked again"):
            schemas.resolve({9})
        clock.now_s += DENIALS_S / 4
    clock.now_s += DENIALS_S
    schemas.resolve({9})
    verdict = schemas.general(9, b"")
    assert isinstance(verdict, Verdict)
    assert verdict.reason == UNKNOWN_SCHEMA


def test_a_verdict_on_an_id_is_not_for_ever(schemas: Schemas, clock: Clock) -> None:
    with pytest.raises(SchemaUnavailable):
        schemas.resolve({9})
    clock.now_s += DENIALS_S
    schemas.resolve({9})
    clock.now_s += 1_000
    with pytest.raises(UnknownSchemaIdError):
        schemas.general(9, b"")


def test_a_registry_that_cannot_be_reached_is_no_denial(schemas: Schemas, registry: Registry, clock: Clock) -> None:
    registry.down = True
    for _ in range(3):
        with pytest.raises(SchemaUnavailable, match="not reachable"):
            schemas.resolve({9})
        clock.now_s += DENIALS_S
    registry.down = False
    with pytest.raises(SchemaUnavailable, match="asked again"):
        schemas.resolve({9})


def test_an_id_that_means_our_schema_takes_the_fast_way_too(schemas: Schemas, registry: Registry) -> None:
    registry.schemas[9] = RegisteredSchema(SUMS.schema, SUMS.fingerprint)
    schemas.resolve({9})
    assert 9 in schemas.fast_ids
    assert schemas.fingerprint(9) == SUMS.fingerprint


def test_every_unknown_id_of_a_batch_is_found_at_once(schemas: Schemas) -> None:
    schemas.own()
    values = [frame(1) + b"x", frame(8), frame(9) + b"y", None, b"", b"\x01junk", b"\x01" + GUID.bytes]
    batch = fetched([Record(at, 0, b"", value) for at, value in enumerate(values)])
    assert schemas.unknown_ids(batch) == {8, 9, GUID}


def test_a_guid_that_the_registry_denies_becomes_poison_as_an_id_does(
    schemas: Schemas, registry: Registry, clock: Clock
) -> None:
    with pytest.raises(UnknownSchemaIdError, match=f"GUID {GUID}"):
        schemas.general(GUID, b"")
    with pytest.raises(SchemaUnavailable, match="asked again"):
        schemas.resolve({GUID, 9})
    clock.now_s += DENIALS_S
    schemas.resolve({GUID, 9})
    verdict = schemas.general(GUID, b"")
    assert isinstance(verdict, Verdict)
    assert (verdict.reason, str(GUID) in verdict.detail) == (UNKNOWN_SCHEMA, True)


def test_a_guid_of_our_schema_is_read_and_is_no_fast_id(schemas: Schemas, registry: Registry) -> None:
    registry.schemas[GUID] = RegisteredSchema(SUMS.schema, SUMS.fingerprint)
    schemas.resolve({GUID})
    event = schemas.general(GUID, body(bytes(16), 1, 2))
    assert isinstance(event, SumAdded)
    assert GUID not in schemas.fast_ids


def test_the_pinned_ids_of_a_ledger_are_compared_with_what_the_registry_says_now(
    schemas: Schemas, registry: Registry
) -> None:
    registry.schemas[4] = RegisteredSchema(json.dumps("string"), "other")
    assert schemas.pinned([4, 5]) == {4: "other", 5: ""}
    registry.down = True
    with pytest.raises(SchemaUnavailable):
        schemas.pinned([6])
