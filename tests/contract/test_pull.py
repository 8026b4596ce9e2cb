"""Pulling, offline: an empty folder and a registry become contracts that generate."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from codegen import tree
from codegen.errors import CodegenError
from codegen.generate import generated_files
from codegen.plan import history, locked, offline
from codegen.plan import lock as locks
from codegen.plan.terms import Change, Kind
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote import pulled_folder, registered
from codegen.remote.publish import Publisher
from codegen.remote.pull import take
from codegen.remote.pulled_before import before
from tally.registry.http import RegistryHttp
from tests_support.registries.fake import FakeRegistry


def _avro(*fields: dict[str, Any], **more: Any) -> str:
    return json.dumps({"type": "record", "name": "OrderPlaced", "namespace": "t", "fields": list(fields), **more})


def _field(name: str, kind: Any = "int", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


@pytest.fixture
def registry() -> FakeRegistry:
    fake = FakeRegistry()
    fake.subjects = {
        "orders-value": [_avro(_field("x")), _avro(_field("x"), _field("y", default=0))],
        "shop/v1/base.proto": ['syntax = "proto3";\npackage shop.v1;\nmessage Base {}\n'],
        "shop/v1/order.proto": ['syntax = "proto3";\npackage shop.v1;\nimport "shop/v1/base.proto";\nmessage O {}\n'],
    }
    fake.kinds = {"shop/v1/base.proto": "PROTOBUF", "shop/v1/order.proto": "PROTOBUF"}
    reference = {"name": "shop/v1/base.proto", "subject": "shop/v1/base.proto", "version": 1}
    fake.references = {"shop/v1/order.proto": [reference]}
    return fake


@pytest.fixture
def http(registry: FakeRegistry) -> Iterator[RegistryHttp]:
    client = RegistryHttp("http://r", attempts=1, transport=httpx.MockTransport(registry.answer))
    yield client
    client.close()


def pulled(
    http: RegistryHttp, folder: Path, *patterns: str, name: str = "", overwrite: bool = False
) -> pulled_folder.Written:
    """Pull into a folder."""
    there, held = before(folder), registered.read(http, registered.matching(http, patterns or ["*"]))
    return pulled_folder.write(there, held, take(held, there.files), name)


def plan(http: RegistryHttp, folder: Path) -> list[Change]:
    """Return what a plan of the folder against the registry says, without what is right."""
    survey = Publisher(http, None, time, 5.0, print).survey(wanted_of(tree.read(folder)))
    return [change for change in survey.changes if change.kind is not Kind.NOOP]


def test_a_subject_is_pulled_with_all_that_it_imports(http: RegistryHttp, tmp_path: Path) -> None:
    """Pulling a Protobuf subject also writes the files that it imports, each at its import path."""
    pulled(http, tmp_path, "shop/v1/order*")
    assert (tmp_path / "proto/shop/v1/base.proto").is_file()
    assert "import" in (tmp_path / "proto/shop/v1/order.proto").read_text()
    assert not (tmp_path / "avro").exists()
    assert plan(http, tmp_path) == []


def test_the_newest_version_is_pulled_or_the_one_that_is_asked_for(http: RegistryHttp, tmp_path: Path) -> None:
    """A pattern pulls the newest version unless @ and a number name another one; later ones are not in the history."""
    for pattern, fields in (("orders*", 2), ("orders-value@1", 1), ("orders-value@latest", 2)):
        folder = tmp_path / pattern.replace("*", "")
        pulled(http, folder, pattern)
        assert len(json.loads((folder / "avro/order_placed.avsc").read_text())["fields"]) == fields
        assert len(list((folder / "history/orders-value").iterdir())) == fields
    assert [change.kind for change in plan(http, tmp_path / "orders-value@1")] == [Kind.DRIFT]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("nothing", "matches no subject of http://r; there are orders-value"),
        ("orders-value@x", "the version is 'x'"),
        ("orders-value@9", r"orders-value has no version 9; there are \[1, 2\]"),
    ],
)
def test_a_pattern_that_fits_nothing_is_told(http: RegistryHttp, pattern: str, words: str) -> None:
    """A pattern without a subject, or with a malformed version, is refused with what is allowed."""
    with pytest.raises(CodegenError, match=words):
        registered.read(http, registered.matching(http, [pattern]))


def test_a_registry_as_it_is_leaves_nothing_to_do(http: RegistryHttp, registry: FakeRegistry, tmp_path: Path) -> None:
    """Every strategy of names, keys, several types of a topic, references, levels: pull, and plan has nothing to do."""
    address = json.dumps({"type": "record", "name": "Address", "namespace": "t", "fields": [_field("s", "string")]})
    wider = json.dumps(
        {
            "type": "record",
            "name": "Address",
            "namespace": "t",
            "fields": [_field("s", "string"), _field("z", default=0)],
        }
    )
    parcel = json.dumps({"type": "record", "name": "Parcel", "namespace": "t", "fields": [_field("to", "Address")]})
    proto = 'syntax = "proto3";\npackage pay;\nimport "shop/v1/base.proto";\nmessage Paid { shop.v1.Base b = 1; }\n'
    registry.subjects |= {
        "t.OrderPlaced": [_avro(_field("x"))],  # by record name, an older text than the topic's
        "orders-t.Parcel": [parcel],  # topic and record name
        "parcels-value": [parcel],
        "Any text, really": [address, wider],
        "parcels-key": [json.dumps({"type": "record", "name": "Key", "namespace": "t", "fields": [_field("k")]})],
        "text-key": ['"string"'],
        "bare-key": ["string"],
        "both-value": ['["t.Key", "t.Parcel"]'],  # several types of a topic as a union
        "paid-value": [proto],
        "paid-again-value": [proto],
    }
    registry.kinds |= {"paid-value": "PROTOBUF", "paid-again-value": "PROTOBUF"}
    base = {"name": "shop/v1/base.proto", "subject": "shop/v1/base.proto", "version": 1}
    registry.references |= {
        "orders-t.Parcel": [{"name": "t.Address", "subject": "Any text, really", "version": 2}],
        "parcels-value": [{"name": "t.Address", "subject": "Any text, really", "version": 1}],
        "both-value": [
            {"name": "t.Key", "subject": "parcels-key", "version": 1},
            {"name": "t.Parcel", "subject": "orders-t.Parcel", "version": 1},
        ],
        "paid-value": [base],
        "paid-again-value": [base],
    }
    registry.global_level = "FULL"
    registry.levels = {"orders-value": "BACKWARD", "paid-value": "NONE"}
    done = pulled(http, tmp_path, name="live")
    assert done.refused == {}
    assert plan(http, tmp_path) == []
    found = yaml.safe_load((tmp_path / "codegen.yaml").read_text())
    assert found["level"] == "FULL"
    assert found["subjects"]["orders-value"] == {"file": "avro/order_placed.avsc", "level": "BACKWARD"}
    assert found["subjects"]["parcels-value"]["references"] == {"t.Address": "Any text, really@1"}
    assert "references" not in found["subjects"]["orders-t.Parcel"]
    assert found["subjects"]["paid-value"]["file"] == found["subjects"]["paid-again-value"]["file"]
    assert not {"shop/v1/base.proto", "shop/v1/order.proto"} & set(found["subjects"])
    was = offline.what_was(tmp_path, "lock")
    assert {each.kind for each in offline.survey(wanted_of(tree.read(tmp_path)), was).changes} == {Kind.NOOP}
    assert len(history.all_of(tmp_path, locks.load(tmp_path))["orders-value"]) == 2
    with locked.contracts(tmp_path) as found_again:
        assert found_again.avro.keys() == tree.read(tmp_path).avro.keys()
    files = generated_files(tree.read(tmp_path), "made")
    assert {"avro/parcel.py", "avro/bare_key.py", "avro/both_value.py"} <= set(files)


@pytest.mark.parametrize("own", ["nobody", "one", "all"])
def test_a_level_that_equals_the_global_one_is_inherited_and_a_later_change_is_seen(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path, own: str
) -> None:
    """Nothing is to do after a pull, whether a subject has the global level of its own or all answer it; then drift."""
    names = {"nobody": (), "one": ("orders-value",), "all": tuple(registry.subjects)}[own]
    registry.global_level, registry.levels = "FULL", dict.fromkeys(names, "FULL")
    pulled(http, tmp_path)
    assert plan(http, tmp_path) == []
    registry.global_level = "FULL_TRANSITIVE"
    if own == "all":  # such a registry has no levels but the global one
        registry.levels = dict.fromkeys(names, "FULL_TRANSITIVE")
    change = plan(http, tmp_path)[0]
    assert (change.kind, change.name) == (Kind.DRIFT, "registry")
    assert "its global level is FULL_TRANSITIVE, codegen.yaml says FULL" in change.sentence
    table = tmp_path / "codegen.yaml"
    table.write_text(table.read_text(encoding="utf-8").replace("level: FULL", "level: FULL_TRANSITIVE", 1))
    told = [(change.kind, change.name) for change in plan(http, tmp_path)]
    assert told == ([(Kind.DRIFT, "subject orders-value")] if own == "one" else [])


def test_a_level_that_a_subject_gets_after_a_pull_is_drift(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A subject that inherits in codegen.yaml and has a level of its own there is told, with both ways out."""
    registry.global_level = "FULL"
    pulled(http, tmp_path)
    registry.levels["orders-value"] = "NONE"
    (change,) = plan(http, tmp_path)
    assert (change.kind, change.name) == (Kind.DRIFT, "subject orders-value")
    assert "has the level NONE of its own, and codegen.yaml leaves it to the global one, FULL" in change.sentence
    table = tmp_path / "codegen.yaml"
    text = table.read_text(encoding="utf-8").replace("  orders-value:\n", "  orders-value:\n    level: NONE\n", 1)
    table.write_text(text, encoding="utf-8")
    assert plan(http, tmp_path) == []


def test_what_cannot_be_taken_is_told_and_the_rest_is_fetched(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """Each has its reason, so has what refers to it, and a subject's name never leaves the folder."""
    registry.subjects |= {
        "json-value": ["{}"],
        "../../evil.proto": ['syntax = "proto3";\n'],
        "broken-value": ['{"type": "record"}'],
        "user-value": [_avro(_field("b", "Broken"), name="User")],
        "twice.proto": ['syntax = "proto3";\npackage shop.v1;\nmessage Base { int32 i = 1; }\n'],
        "bad.proto": ["message {"],
        "turned-value": ["{}", _avro(_field("x"), name="Turned")],
    }
    registry.kinds |= dict.fromkeys(["../../evil.proto", "twice.proto", "bad.proto"], "PROTOBUF") | {
        "json-value": "JSON"
    }
    registry.references |= {"user-value": [{"name": "Broken", "subject": "broken-value", "version": 1}]}
    refused = pulled(http, tmp_path / "out").refused
    assert {name: reason.split(";")[0].split(":")[0] for name, reason in refused.items()} == {
        "json-value": "is of type JSON",
        "../../evil.proto": "the subject '../../evil.proto' cannot be a path",
        "broken-value": "'name' is missing",
        "user-value": "refers to broken-value, which cannot be taken",
        "twice.proto": "defines shop.v1.Base, and so does shop/v1/base.proto in other words",
        "bad.proto": "does not compile",
    }
    assert plan(http, tmp_path / "out") == []
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_versions_that_were_deleted_softly_are_kept_for_those_that_refer_to_them(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A hidden version is in the history; one that nobody needs is not."""
    texts = [json.dumps({"type": "record", "name": "Kind", "fields": [_field(each)]}) for each in "abc"]
    registry.subjects = {"kind": texts}
    registry.subjects["use-value"] = [json.dumps({"type": "record", "name": "Use", "fields": [_field("k", "Kind")]})]
    registry.kinds, registry.references = {}, {"use-value": [{"name": "Kind", "subject": "kind", "version": 1}]}
    registry.lost = {("kind", 1), ("kind", 2)}
    assert pulled(http, tmp_path).refused == {}
    assert sorted(path.name for path in (tmp_path / "history/kind").iterdir()) == ["v1.avsc", "v3.avsc"]
    assert plan(http, tmp_path) == []


def test_a_context_is_pulled_under_its_own_names(http: RegistryHttp, registry: FakeRegistry, tmp_path: Path) -> None:
    """References without a context are those of the context, and the subjects of the default one stay out of it."""
    registry.contexts = [".", ".staging"]
    texts = {name: registry.subjects[name] for name in ("shop/v1/base.proto", "shop/v1/order.proto")}
    registry.subjects |= {f":.staging:{name}": [text[0] + "// Staged.\n"] for name, text in texts.items()}
    registry.kinds |= dict.fromkeys([f":.staging:{name}" for name in texts], "PROTOBUF")
    registry.references[":.staging:shop/v1/order.proto"] = registry.references["shop/v1/order.proto"]
    assert pulled(http, tmp_path, ":.staging:*").refused == {}
    assert sorted(yaml.safe_load((tmp_path / "codegen.yaml").read_text())["subjects"]) == sorted(
        f":.staging:{name}" for name in texts
    )
    assert "Staged" in (tmp_path / "proto/shop/v1/base.proto").read_text()
    assert plan(http, tmp_path) == []


def test_a_subject_that_takes_no_changes_is_pulled_and_stops_a_change(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """READONLY is no reason not to read; a plan with a change of it says so, one without does not."""
    registry.modes = {"orders-value": "READONLY"}
    pulled(http, tmp_path, "orders-value")
    assert plan(http, tmp_path) == []
    path = tmp_path / "avro/order_placed.avsc"
    path.write_text(_avro(_field("x"), _field("y", default=0), _field("z", default=0)))
    said = {change.kind: change.sentence for change in plan(http, tmp_path)}
    assert set(said) == {Kind.DRIFT, Kind.UPDATE}
    assert "is in mode READONLY" in said[Kind.DRIFT]


def test_a_registry_is_asked_many_questions_at_once_and_the_order_is_that_of_the_subjects(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight questions are under way at most; what is read is the same as one by one, whoever is answered first."""
    registry.subjects |= {f"many-{i:02}": [_avro(_field(f"f{j}")) for j in range(3)] for i in range(20)}
    second = threading.Event()
    lock, under_way, most = threading.Lock(), 0, 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        if request.url.path == "/subjects/many-00/versions/1":
            assert second.wait(60), "the next question is asked before this one is answered"
        answered = registry.answer(request)
        if request.url.path == "/subjects/many-00/versions/2":
            second.set()
        with lock:
            under_way -= 1
        return answered

    def held(handler: Callable[[httpx.Request], httpx.Response]) -> registered.Holdings:
        with closing(RegistryHttp("http://r", attempts=1, transport=httpx.MockTransport(handler))) as client:
            return registered.read(client, registered.matching(client, ["*"]))

    at_once = held(answer)
    assert most <= registered.THREADS_MAX == 8
    monkeypatch.setattr(registered, "THREADS_MAX", 1)
    one_by_one = held(registry.answer)
    assert list(at_once.versions.items()) == list(one_by_one.versions.items())
    assert at_once == one_by_one
