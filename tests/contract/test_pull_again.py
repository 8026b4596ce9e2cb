"""Pulling into a folder that holds contracts: what is new comes, and nothing that nobody else has is written over."""

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from codegen import tree
from codegen.commands import pull as command
from codegen.errors import CodegenError, DriftError
from codegen.plan import lock as locks
from codegen.plan.terms import Kind
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote import pulled_folder, registered
from codegen.remote.publish import Publisher
from codegen.remote.pull import take
from codegen.remote.pulled_before import before, gone
from codegen.remote.yaml_entries import with_entries
from tally.registry.http import RegistryHttp
from tests_support.registries.fake import FakeRegistry

BASE = 'syntax = "proto3";\npackage shop.v1;\nmessage Base {}\n'


def _record(name: str, **fields: Any) -> str:
    listed = [{"name": each, "type": kind, "default": 0} for each, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "t", "fields": listed})


ONE, TWO = _record("Order", x="int"), _record("Order", x="int", y="int")


@pytest.fixture
def registry() -> FakeRegistry:
    fake = FakeRegistry()
    fake.global_level = "FULL"
    fake.subjects = {"orders-value": [ONE], "again-value": [ONE], "shop/base.proto": [BASE]}
    fake.kinds = {"shop/base.proto": "PROTOBUF"}
    return fake


@pytest.fixture
def http(registry: FakeRegistry) -> Iterator[RegistryHttp]:
    client = RegistryHttp("http://r", attempts=1, transport=httpx.MockTransport(registry.answer))
    yield client
    client.close()


def pull(http: RegistryHttp, folder: Path, *patterns: str, overwrite: bool = False) -> list[str]:
    """Pull into a folder and return the lines that it prints, each from the folder on."""
    there, held = before(folder), registered.read(http, registered.matching(http, patterns or ["*"]))
    lines = pulled_folder.write(there, held, take(held, there.files), "", overwrite=overwrite).lines
    return [line.removeprefix(f"{folder}/") for line in lines]


def changes(http: RegistryHttp, folder: Path) -> set[Kind]:
    """Return what a plan of the folder against the registry has to do."""
    survey = Publisher(http, None, time, 5.0, print).survey(wanted_of(tree.read(folder)))
    return {change.kind for change in survey.changes} - {Kind.NOOP}


def content(folder: Path) -> dict[Path, bytes]:
    """Return all files."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table(folder: Path) -> dict[str, Any]:
    """Return codegen.yaml."""
    found: dict[str, Any] = yaml.safe_load((folder / "codegen.yaml").read_text())
    return found


def test_a_second_pull_of_the_same_changes_no_file(http: RegistryHttp, tmp_path: Path) -> None:
    """Pulling again says nothing and leaves every byte, also of an Avro file that was laid out otherwise."""
    pull(http, tmp_path)
    path = tmp_path / "avro/order.avsc"
    path.write_text(f"// Ours.\n{json.dumps(json.loads(path.read_text()))}\n")
    there = content(tmp_path)
    assert pull(http, tmp_path) == []
    assert pull(http, tmp_path, "orders*") == []
    assert content(tmp_path) == there


def test_new_versions_and_subjects_come_and_the_rest_stays(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """New versions replace what was pulled, new subjects get files of their own, and what was written beside stays."""
    pull(http, tmp_path)
    project = tmp_path / "codegen.yaml"
    project.write_text(f"# Where it goes.\nout: ../made\n{project.read_text()}# The end.\n")
    assert table(tmp_path)["subjects"]["again-value"] == table(tmp_path)["subjects"]["orders-value"]
    registry.subjects |= {
        "orders-value": [ONE, TWO],
        "shop/base.proto": [BASE, BASE.replace("{}", "{\n  int32 i = 1;\n}")],
        "before-value": [_record("Order", z="int").replace('"t"', '"u"')],  # comes first and is called the same
    }
    registry.levels = {"orders-value": "NONE"}
    lines = pull(http, tmp_path)
    assert {line.split(" ")[0] for line in lines} == {
        "avro/t_order.avsc", "avro/u_order.avsc", "proto/shop/base.proto", "codegen.yaml", "contracts.lock",
    }  # fmt: skip
    assert json.loads((tmp_path / "avro/order.avsc").read_text()) == json.loads(ONE)
    assert table(tmp_path)["subjects"] == {
        "again-value": {"file": "avro/order.avsc"},
        "orders-value": {"file": "avro/t_order.avsc", "level": "NONE"},
        "before-value": {"file": "avro/u_order.avsc"},
    }
    assert project.read_text().startswith("# Where it goes.\nout: ../made\nlevel: FULL\n")
    assert project.read_text().endswith("# The end.\n")
    assert sorted(path.name for path in (tmp_path / "history/orders-value").iterdir()) == ["v1.avsc", "v2.avsc"]
    assert changes(http, tmp_path) == set()
    assert pull(http, tmp_path) == []


def _edit(path: Path, old: str, new: str) -> str:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path.name


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("avro/order.avsc", '"x"', '"ours"'),
        ("avro/order.avsc", "{", "{ not JSON"),
        ("proto/shop/base.proto", "Base", "Ours"),
        ("codegen.yaml", "level: FULL", "level: NONE"),
        ("codegen.yaml", "    file: avro/order.avsc", "    level: BACKWARD\n    file: avro/order.avsc"),
    ],
)
def test_what_was_changed_here_is_replaced_only_when_that_is_asked_for(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path, file: str, old: str, new: str
) -> None:
    """Pulling over a change of ours names the file and the cure and writes nothing; --overwrite takes what is there."""
    pull(http, tmp_path)
    _edit(tmp_path / file, old, new)
    registry.subjects["more-value"] = [_record("More", i="int")]
    there = content(tmp_path)
    with pytest.raises(CodegenError, match=f"{file}.*--overwrite"):
        pull(http, tmp_path)
    assert content(tmp_path) == there
    pull(http, tmp_path, overwrite=True)
    assert changes(http, tmp_path) == set()
    assert pull(http, tmp_path) == []


def test_what_was_changed_and_published_is_no_change_of_ours(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A file whose text any version has is replaced by a newer one, or by an older one that is asked for."""
    pull(http, tmp_path)
    (tmp_path / "avro/order.avsc").write_text(TWO)
    registry.subjects |= {
        name: [ONE, TWO, _record("Order", x="int", z="int")] for name in ("orders-value", "again-value")
    }
    pull(http, tmp_path)
    assert "z" in (tmp_path / "avro/order.avsc").read_text()
    pull(http, tmp_path, "orders-value@1", "again-value@1")
    assert json.loads((tmp_path / "avro/order.avsc").read_text()) == json.loads(ONE)
    assert len(list((tmp_path / "history/orders-value").iterdir())) == 3


def test_a_file_that_others_import_by_another_name_is_refused(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A Protobuf file that a new subject imports by another name would be another file: that takes an empty folder."""
    pull(http, tmp_path)
    registry.subjects["user.proto"] = ['syntax = "proto3";\nimport "lib/b.proto";\nmessage U { shop.v1.Base b = 1; }\n']
    registry.kinds["user.proto"] = "PROTOBUF"
    registry.references["user.proto"] = [{"name": "lib/b.proto", "subject": "shop/base.proto", "version": 1}]
    there = content(tmp_path)
    with pytest.raises(DriftError, match=r"version 1 of shop/base\.proto.*; give an empty folder with --out"):
        pull(http, tmp_path)
    assert content(tmp_path) == there
    pull(http, tmp_path / "again")
    assert changes(http, tmp_path / "again") == set()


def test_a_version_in_the_history_is_never_written_over(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A registry whose version of a number is another one than was pulled is refused, --overwrite or not."""
    pull(http, tmp_path)
    registry.subjects["orders-value"] = [_record("Order", other="int")]
    there = content(tmp_path)
    with pytest.raises(DriftError, match="another version 1 of orders-value; give an empty folder"):
        pull(http, tmp_path, overwrite=True)
    assert content(tmp_path) == there


def test_subjects_that_are_gone_there_are_told_and_stay(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A subject that was pulled and that the registry has no more is listed, if it was asked for; its file stays."""
    pull(http, tmp_path)
    del registry.subjects["again-value"]
    for patterns, missing in ((["*"], ["again-value"]), (["orders*"], [])):
        held = registered.read(http, registered.matching(http, patterns))
        assert gone(before(tmp_path), held, patterns) == missing
    there = content(tmp_path)
    assert pull(http, tmp_path) == []
    assert content(tmp_path) == there
    lock = locks.load(tmp_path)
    assert lock is not None
    assert "again-value" in lock.subjects


def test_the_command_says_what_came_what_is_gone_and_what_stops_it(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`codegen pull` lists new files and subjects that are gone; a change of ours is an error until --overwrite."""
    monkeypatch.setattr(command, "open_registry", lambda *_, **__: nullcontext(http))

    def run(*more: str) -> tuple[BaseException | None, str]:
        arguments = ["--registry", "http://r", "--out", str(tmp_path), *more]
        done = CliRunner().invoke(command.pull_command, arguments)
        return done.exception, done.output

    assert run()[0] is None
    assert run() == (None, f"{tmp_path}/history: 3 versions of 3 subjects\nnothing new\n")
    (tmp_path / "avro/order.avsc").write_text("{}")
    error, _ = run()
    assert isinstance(error, CodegenError)
    del registry.subjects["shop/base.proto"]
    error, said = run("--overwrite")
    assert error is None
    assert f"{tmp_path}/proto/shop/base.proto: stays, though http://r has no subject shop/base.proto\n" in said
    assert f"{tmp_path}/avro/order.avsc (again-value, version 1; orders-value, version 1)\n" in said


@pytest.mark.parametrize(
    ("text", "level", "entries", "due"),
    [
        ("", "FULL", {"s": {"file": "f"}}, "level: FULL\nsubjects:\n  s:\n    file: f\n"),
        ("out: o # here", None, {"s": {"file": "f"}}, "out: o # here\nsubjects:\n  s:\n    file: f\n"),
        (
            "subjects:\n    a: # one\n        file: f\n    # b\n    b:\n        file: g # two\nout: o\n",
            None,
            {"a": {"file": "x"}, "c": {"file": "z"}},
            "subjects:\n    a:\n      file: x\n    # b\n    b:\n        file: g # two\n    c:\n      file: z\nout: o\n",
        ),
        ("level: FULL # as agreed\nsubjects:\n  a:\n    file: f\n\n# end\n", None, {"a": None}, "\n# end\n"),
        ("subjects: {a: {file: f}}\n", "FULL", {"b": {"file": "g"}}, ""),
    ],
)
def test_entries_are_changed_line_by_line(text: str, level: str | None, entries: dict[str, Any], due: str) -> None:
    """Lines that say nothing about an entry stay as they are; a text that has no line for each is refused."""
    if due:
        assert with_entries("codegen.yaml", text, level, entries) == due
    else:
        with pytest.raises(CodegenError, match="is not laid out line by line"):
            with_entries("codegen.yaml", text, level, entries)
