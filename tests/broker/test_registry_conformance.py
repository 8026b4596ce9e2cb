"""What the product needs of a registry, asked of a real one: the native one, or one that `just test-registry` names."""

import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codegen.errors import DriftError
from codegen.plan.terms import Change, Kind, Wanted, WantedSubject
from codegen.remote.capabilities import Asked
from codegen.remote.publish import Publisher
from codegen.remote.registered import matching
from tally.base.fingerprint import fingerprint
from tally.registry.access import split_userinfo
from tally.registry.errors import SchemaUnknown
from tally.registry.http import RegistryHttp
from tally.registry.lookup import SchemaRegistry
from tests_support.contracts.codegen_command import codegen
from tests_support.contracts.small_contracts import SmallContracts
from tests_support.registries.under_test import RegistryUnderTest, registry_under_test

pytestmark = pytest.mark.broker

COUNT: dict[str, Any] = {"name": "count", "type": "long"}
ADDED: dict[str, Any] = {"name": "added", "type": "string", "default": ""}
NEEDED: dict[str, Any] = {"name": "needed", "type": "string"}


@pytest.fixture(scope="module")
def registry(request: pytest.FixtureRequest) -> Iterator[RegistryUnderTest]:
    with registry_under_test(lambda: request.getfixturevalue("kafka_stack")) as one:
        yield one


@pytest.fixture
def http(registry: RegistryUnderTest) -> Iterator[SchemaRegistry]:
    connection = registry.http()
    yield connection
    connection.close()


def wanted(subject: str, *fields: dict[str, Any], doc: str = "", level: str = "FULL_TRANSITIVE") -> Wanted:
    """Return a record of one subject as a contract would want it."""
    text = json.dumps({"type": "record", "name": "R", "namespace": "t", "doc": doc, "fields": fields})
    return Wanted((WantedSubject(subject, "AVRO", text, fingerprint(text), level, (), "Avro R", owned=True),), ())


def plan(http: RegistryHttp, what: Wanted) -> tuple[Change, ...]:
    return Publisher(http, None, time, 30.0, lambda _: None).survey(what).changes


def publish(http: RegistryHttp, what: Wanted) -> None:
    Publisher(http, None, time, 30.0, lambda _: None).publish(what)
    assert [change.kind for change in plan(http, what)] == [Kind.NOOP]


def test_a_service_finds_its_schema_by_text_and_the_same_meaning_by_the_id(
    registry: RegistryUnderTest, http: SchemaRegistry
) -> None:
    """A published schema is found by text and by id; an unpublished one and its subject are unknown."""
    subject = f"{registry.word()}-value"
    publish(http, wanted(subject, COUNT))
    (mine,) = wanted(subject, COUNT).subjects
    assert fingerprint(http.schema(http.lookup(subject, mine.text))) == mine.fingerprint
    (other,) = wanted(subject, COUNT, ADDED).subjects
    with pytest.raises(SchemaUnknown, match=r"it says: \S"):
        http.lookup(subject, other.text)
    with pytest.raises(SchemaUnknown, match=r"it says: \S"):
        http.lookup(f"{subject}-of-nobody", mine.text)


@pytest.mark.parametrize("name", [2_000_000_000, uuid.UUID("89791762-2336-4186-9674-299b90a802e2")], ids=["id", "guid"])
def test_an_id_and_a_guid_that_nobody_has_are_unknown_and_no_failure(
    http: SchemaRegistry, name: int | uuid.UUID
) -> None:
    """A registry without GUIDs says so in its own way, and that is the same answer."""
    with pytest.raises(SchemaUnknown):
        http.schema(name)


def test_a_guid_that_the_registry_tells_names_the_schema(registry: RegistryUnderTest, http: SchemaRegistry) -> None:
    """Where the registry has GUIDs, a schema's GUID leads to the same schema as its id."""
    subject = f"{registry.word()}-value"
    publish(http, wanted(subject, COUNT))
    guid = registry.must("GET", f"subjects/{subject}/versions/1").get("guid")
    if guid is None:
        pytest.skip("this registry has no GUIDs")
    (mine,) = wanted(subject, COUNT).subjects
    assert fingerprint(http.schema(uuid.UUID(guid))) == mine.fingerprint


def test_other_words_are_documentation_and_never_a_breaking_change(
    registry: RegistryUnderTest, http: RegistryHttp
) -> None:
    """DOCS where the registry tells the two texts apart, NOOP where it takes them for one."""
    subject = f"{registry.word()}-value"
    publish(http, wanted(subject, COUNT))
    (change,) = plan(http, wanted(subject, COUNT, doc="Other words."))
    assert change.kind in {Kind.DOCS, Kind.NOOP}
    publish(http, wanted(subject, COUNT, doc="Other words."))


def test_the_registry_s_own_objection_stands_beside_ours_and_nothing_is_registered(
    registry: RegistryUnderTest, http: RegistryHttp
) -> None:
    """Also of the oldest version, whether the registry can be asked about all versions at once or not."""
    subject = f"{registry.word()}-value"
    publish(http, wanted(subject, COUNT))
    publish(http, wanted(subject, COUNT, ADDED))
    (change,) = plan(http, wanted(subject, COUNT, NEEDED))
    assert change.kind is Kind.UPDATE
    assert change.blocking
    assert any("`needed` has no default" in said for said in change.objections)
    (theirs,) = (said for said in change.objections if said.startswith("the registry says: not compatible"))
    print(theirs)
    assert registry.must("GET", f"subjects/{subject}/versions") == [1, 2]


def test_another_level_is_set_and_one_that_was_changed_is_set_back(
    registry: RegistryUnderTest, http: RegistryHttp
) -> None:
    """A compatibility level that somebody changed is planned as CONFIG and set back."""
    subject = f"{registry.word()}-value"
    publish(http, wanted(subject, COUNT, level="BACKWARD"))
    registry.must("PUT", f"config/{subject}", {"compatibility": "NONE"})
    (change,) = plan(http, wanted(subject, COUNT, level="BACKWARD"))
    assert (change.kind, change.sentence) == (Kind.CONFIG, "compatibility NONE -> BACKWARD")
    publish(http, wanted(subject, COUNT, level="BACKWARD"))


def test_a_subject_that_was_deleted_softly_is_published_again(registry: RegistryUnderTest, http: RegistryHttp) -> None:
    """A softly deleted subject is planned as CREATE and can be published again."""
    subject = f"{registry.word()}-value"
    publish(http, wanted(subject, COUNT))
    registry.must("DELETE", f"subjects/{subject}")
    (change,) = plan(http, wanted(subject, COUNT))
    assert change.kind is Kind.CREATE
    publish(http, wanted(subject, COUNT))


def test_what_the_registry_can_is_told_without_a_write_and_once(
    registry: RegistryUnderTest, http: RegistryHttp, tmp_path: Path
) -> None:
    """A registry's capabilities are found by reading alone and shown with the plan, none left unknown."""
    SmallContracts(tmp_path / "contracts", registry.word())
    before = set(registry.must("GET", "subjects") or ())
    told = Asked(http)().told()
    print(told)
    said = codegen(tmp_path, "plan", "--registry", registry.url, "--json", code=2)
    document = json.loads(said[said.index("{") :])
    assert {kind: tuple(document["registry"][kind]) for kind in told} == told
    assert told["untold"] == ()
    assert set(registry.must("GET", "subjects") or ()) == before


def test_a_subject_that_takes_no_changes_stops_the_plan_before_anything_is_written(
    registry: RegistryUnderTest, http: RegistryHttp
) -> None:
    """A read-only subject stops plan and publication until its mode is set back."""
    subject = f"{registry.word()}-value"
    publish(http, wanted(subject, COUNT))
    if registry.ask("PUT", f"mode/{subject}", {"mode": "READONLY"}).is_error:
        pytest.skip("the mode of a subject cannot be set in this registry")
    (told,) = (change for change in plan(http, wanted(subject, COUNT, ADDED)) if change.kind is Kind.DRIFT)
    assert "is in mode READONLY, in which a registry takes no change of it" in told.sentence
    with pytest.raises(DriftError, match="is in mode READONLY"):
        publish(http, wanted(subject, COUNT, ADDED))
    assert registry.must("GET", f"subjects/{subject}/versions") == [1]
    publish(http, wanted(subject, COUNT))
    registry.must("PUT", f"mode/{subject}", {"mode": "READWRITE"})
    publish(http, wanted(subject, COUNT, ADDED))


def test_subjects_of_a_context_are_pulled_when_it_is_named_and_are_none_of_the_default_one_s(
    registry: RegistryUnderTest, http: RegistryHttp
) -> None:
    """Subjects of a context are pulled only by a pattern that names it, also where it is only a prefix."""
    word = registry.word()
    publish(http, wanted(f"{word}-value", COUNT))
    publish(http, wanted(f":.{word}:{word}-value", COUNT, ADDED))
    assert matching(http, [f"{word}*"]) == {f"{word}-value": None}
    assert matching(http, [f":.{word}:*"]) == {f":.{word}:{word}-value": None}
    if "contexts" not in Asked(http)().told()["can"]:
        pytest.skip("this registry keeps no contexts apart, so there is no address in one")
    inside = registry.http(f"/contexts/.{word}")
    assert [change.kind for change in plan(inside, wanted(f"{word}-value", COUNT, ADDED))] == [Kind.NOOP]
    inside.close()


def test_metadata_beside_a_schema_is_no_change_and_stays_with_the_next_version(
    registry: RegistryUnderTest, http: RegistryHttp
) -> None:
    """Metadata that somebody put beside a schema is no difference, and the next version keeps it."""
    subject = f"{registry.word()}-value"
    (mine,) = wanted(subject, COUNT).subjects
    registry.must("PUT", f"config/{subject}", {"compatibility": mine.level})
    body = {"schema": mine.text, "metadata": {"properties": {"owner": "me"}}}
    registry.must("POST", f"subjects/{subject}/versions", body)
    assert [change.kind for change in plan(http, wanted(subject, COUNT))] == [Kind.NOOP]
    publish(http, wanted(subject, COUNT, ADDED))
    versions = [registry.must("GET", f"subjects/{subject}/versions/{number}") for number in (1, 2)]
    if "metadata" not in versions[0]:
        pytest.skip("this registry keeps no metadata")
    assert [version["metadata"]["properties"]["owner"] for version in versions] == ["me", "me"]


def test_a_wrong_password_exits_5_as_unauthorised(registry: RegistryUnderTest, tmp_path: Path) -> None:
    """A wrong password ends with exit code 5 and the kind "unauthorised"."""
    if not any(os.environ.get(f"TALLY_REGISTRY_{name}") for name in ("USER", "TOKEN")):
        pytest.skip("no credentials are given: this registry asks for none")
    SmallContracts(tmp_path / "contracts", registry.word())
    url, _ = split_userinfo(registry.url)
    nobody = {"TALLY_REGISTRY_USER": "nobody", "TALLY_REGISTRY_PASSWORD": "wrong", "TALLY_REGISTRY_TOKEN": ""}
    said = codegen(tmp_path, "plan", "--registry", url, "--json", code=5, **nobody)
    assert '"kind": "unauthorised"' in said
