"""What a registry can do is asked once a connection, only by reading, and decides what is done there."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from codegen.errors import DriftError
from codegen.remote.capabilities import Asked, Capabilities, split_context
from codegen.remote.pull import take
from codegen.remote.registered import matching, read
from codegen.remote.registry_admin import list_subjects
from tally.registry.http import RegistryHttp
from tests_support.contracts.publishing_world import OLD_FIELD, TEXT, World
from tests_support.registries.fake import FakeRegistry

OLD = TEXT.replace("[]", f"[{OLD_FIELD}]")


def _asked(world: World) -> Capabilities:
    return Asked(world.http)()


def test_a_registry_that_can_everything_and_one_that_can_nothing_are_told_apart() -> None:
    """What a registry supports is reported as it is, for one with every capability and one with none."""
    world = World()
    world.registry.all_versions = False
    nothing = {"can": (), "cannot": ("contexts", "modes", "GUIDs", "a check against all versions"), "untold": ()}
    assert _asked(world).told() == nothing
    world.registry.contexts, world.registry.modes = ["."], {"": "READONLY"}
    world.registry.guids = world.registry.all_versions = True
    found = Asked(world.http)()
    assert found.told() == {"can": nothing["cannot"], "cannot": (), "untold": ()}
    assert found.mode == "READONLY"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(404, json={"error_code": 404, "message": "HTTP 404 Not Found"}), "cannot"),
        (httpx.Response(405, json="Method Not Allowed"), "cannot"),
        (httpx.Response(404), "cannot"),
        (httpx.Response(403, json={"error_code": 40301, "message": "no"}), "untold"),
        (httpx.Response(500, json={"error_code": 500, "message": "no"}), "untold"),
        (httpx.Response(200, text="<html>"), "untold"),
    ],
)
def test_no_such_call_is_a_no_and_what_is_refused_or_fails_stays_untold(answer: httpx.Response, kind: str) -> None:
    """An unknown call means "cannot"; a refusal or a failure leaves the capability unknown."""
    told = _asked(World(lambda _: answer)).told()
    assert set(told[kind]) == {"contexts", "modes", "GUIDs", "a check against all versions"}


def test_a_list_of_contexts_without_contexts_is_none() -> None:
    """As Apicurio: it lists one, and has subjects whose names only look like being in others."""

    def apicurio(request: httpx.Request) -> httpx.Response:
        listed = request.url.path == "/contexts"
        return httpx.Response(200, json=[":.:"]) if listed else httpx.Response(404)

    assert "contexts" in _asked(World(apicurio)).told()["cannot"]


def test_it_is_asked_once_a_connection_by_however_many_and_writes_nothing() -> None:
    """Four threads share one set of four questions, and the registry is only read."""
    asked: list[str] = []
    registry = FakeRegistry()
    registry.contexts = [".", ".staging"]

    def slow(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return registry.answer(request)

    can, together = Asked(World(slow).http), threading.Barrier(4)

    def ask() -> Capabilities:
        together.wait(10)
        return can()

    with ThreadPoolExecutor(4) as pool:
        assert len({id(found) for found in pool.map(lambda _: ask(), range(4))}) == 1
    assert len(asked) == 4
    assert not registry.subjects
    assert not registry.levels


@pytest.mark.parametrize("where", ["", "s-value"])
@pytest.mark.parametrize(("mode", "takes"), [("READONLY", "no change of it"), ("IMPORT", "only versions with the ids")])
def test_a_mode_in_which_nothing_can_be_published_stops_everything_before_anything_is_written(
    where: str, mode: str, takes: str
) -> None:
    """A read-only registry or subject stops a publication before any write, with the call that lifts it."""
    world = World()
    world.registry.modes = {where: mode}
    (first, *_) = world.plan().changes
    assert (first.kind, first.name) == ("DRIFT", "subject s-value")
    assert f"is in mode {mode}, in which a registry takes {takes}" in first.sentence
    assert 'set it back (PUT /mode/s-value {"mode": "READWRITE"}) and plan again' in first.sentence
    with pytest.raises(DriftError, match=f"is in mode {mode}"):
        world.publish()
    assert not world.registry.subjects
    assert not world.registry.levels
    assert not world.kafka.topics


def test_a_mode_that_was_set_after_the_plan_stops_it_and_a_subject_that_is_right_is_right_in_any_mode() -> None:
    """The mode is checked again when a plan is applied, and does not matter where nothing is to change."""
    world = World()
    world.registry.modes = {}
    planned = world.plan()
    world.registry.modes = {"s-value": "READONLY"}
    with pytest.raises(DriftError, match="is in mode READONLY"):
        world.publisher().apply(planned)
    assert not world.registry.subjects
    world.registry.modes = {}
    world.publish()
    world.registry.modes = {"s-value": "READONLY"}
    assert [line.kind for line in world.plan().changes] == ["NOOP", "NOOP"]


def test_a_deletion_is_stopped_by_a_mode_too() -> None:
    """A read-only subject that is to be deleted is drift in the plan, and the publication leaves it as it is."""
    world = World()
    world.publish()
    world.registry.subjects["s-stray"] = [TEXT]
    world.registry.modes = {"s-stray": "READONLY"}
    planned = world.plan(prune_prefix="s-")
    assert [line.kind for line in planned.changes] == ["NOOP", "NOOP", "DRIFT", "DELETE"]
    with pytest.raises(DriftError, match="is in mode READONLY"):
        world.publisher().apply(planned)
    assert "s-stray" in world.registry.subjects


def test_metadata_beside_a_schema_is_no_change_and_stays_with_the_next_version() -> None:
    """Metadata that others put beside a schema is no difference, and the next version keeps it."""
    world = World()
    given: dict[str, Any] = {"metadata": {"properties": {"owner": "me"}}}
    world.registry.subjects["s-value"], world.registry.levels["s-value"] = [TEXT], "FULL"
    world.registry.beside["s-value"] = {"metadata": {"properties": {"owner": "me", "confluent:version": "1"}}}
    (line, _) = world.plan().changes
    assert (line.kind, line.sentence) == ("NOOP", "Avro R, FULL: is version 1, with metadata beside it that stay")
    world.registry.subjects["s-value"] = [OLD]
    world.publish()
    assert world.registry.beside["s-value"] == given


def test_subjects_of_a_context_are_pulled_when_it_is_named_and_never_pruned_by_another_s_prefix() -> None:
    """A pattern covers one context only, so a prune of the default context spares the others."""
    world = World()
    world.registry.contexts = [".", ".staging"]
    world.registry.subjects = {"s-value": [TEXT], ":.staging:s-value": [OLD]}
    assert matching(world.http, ["*"]) == {"s-value": None}
    assert matching(world.http, [":.staging:*"]) == {":.staging:s-value": None}
    assert [line.kind for line in world.plan(prune_prefix="s").changes if line.kind == "DELETE"] == []


def test_an_imported_file_of_a_context_is_found_there_and_written_under_its_import_path() -> None:
    """Pulling a subject of a context pulls its imports from there, each to its import path."""
    world = World()
    world.registry.contexts = [".", ".staging"]
    base, top = ":.staging:x/base.proto", ":.staging:x/top.proto"
    world.registry.subjects = {
        base: ['syntax = "proto3";\npackage x;\nmessage B {}\n'],
        top: ['syntax = "proto3";\npackage x;\nimport "x/base.proto";\nmessage T {\n  B b = 1;\n}\n'],
    }
    world.registry.kinds = dict.fromkeys((base, top), "PROTOBUF")
    world.registry.references[top] = [{"name": "x/base.proto", "subject": "x/base.proto", "version": 1}]
    assert sorted(take(read(world.http, {top: None})).files) == ["proto/x/base.proto", "proto/x/top.proto"]


def test_an_address_in_a_context_has_its_subjects_under_their_own_names() -> None:
    """Else each subject that the contracts want would be one that no contract wants, and pruned."""
    registry = FakeRegistry()
    registry.subjects = {":.staging:s-value": [TEXT], ":.other:s-value": [TEXT]}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=list(registry.subjects)))
    http = RegistryHttp("http://r/contexts/.staging", transport=transport)
    assert list_subjects(http) == [":.other:s-value", "s-value"]
    assert split_context(":.other:s-value") == (".other", "s-value")
