"""Avro files that use types of other files, and subjects that codegen.yaml names: planned, published, compared."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from codegen import tree
from codegen.drift import registry_drift
from codegen.errors import ContractError, FindingsError
from codegen.plan.changes import line
from codegen.plan.terms import Kind, Reference, Wanted
from codegen.plan.wanted import wanted as wanted_of
from tests_support.contracts.publishing_world import World

STREET = {"name": "street", "type": "string"}
CITY = {"name": "city", "type": "string", "default": ""}
TO = {"name": "to", "type": "Address"}


class Folder:
    """A contracts folder of two files: Order uses Address. Its subjects are those of codegen.yaml."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.table: dict[str, Any] = {
            "orders-value": {"file": "avro/Order.avsc", "level": "BACKWARD"},
            "address": {"file": "avro/sub/Address.avsc"},
        }
        (root / "avro" / "sub").mkdir(parents=True)
        self.write("sub/Address", STREET)
        self.write("Order", TO)

    def write(self, path: str, *fields: Any) -> None:
        """Write a record file."""
        record = {"type": "record", "name": path.rpartition("/")[2], "namespace": "shop", "fields": fields}
        file = self.root / "avro" / f"{path}.avsc"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(record), encoding="utf-8")

    def wanted(self) -> Wanted:
        """Return what the folder wants now."""
        (self.root / "codegen.yaml").write_text(yaml.safe_dump({"subjects": self.table}), encoding="utf-8")
        return wanted_of(tree.read(self.root))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_file_is_registered_as_it_is_with_a_reference_after_what_it_uses(folder: Folder) -> None:
    """The dependency comes first, the text has names only, and the meaning is that of the whole schema."""
    address, order = folder.wanted().subjects
    assert (address.subject, address.level, order.subject, order.level) == ("address", None, "orders-value", "BACKWARD")
    assert order.references == (Reference("shop.Address", "address"),)
    assert '"type":"Address"' in order.text
    assert "street" in tree.read(folder.root).avro["avro/Order.avsc"].text
    world = World()
    assert world.publish(folder.wanted()) == 2
    assert world.registry.references["orders-value"] == [{"name": "shop.Address", "subject": "address", "version": 1}]
    assert world.publish(folder.wanted()) == 0


def test_a_new_version_of_what_a_file_uses_is_one_of_the_file(folder: Folder) -> None:
    """Both are planned, and afterwards nothing is left to do; a break in the one is a break in the other."""
    world = World()
    world.publish(folder.wanted())
    folder.write("sub/Address", STREET | {"doc": "With the number."})
    said = [line(change) for change in world.publisher().survey(folder.wanted()).changes]
    assert said[1].endswith("another version after 1, as what it refers to gets one")
    folder.write("sub/Address", STREET, CITY)
    assert world.publish(folder.wanted()) == 2
    assert world.publish(folder.wanted()) == 0
    assert [each["version"] for each in world.registry.references["orders-value"]] == [2]
    folder.write("sub/Address", STREET, CITY, {"name": "needed", "type": "string"})
    told = "\n".join(line(change) for change in world.publisher().survey(folder.wanted()).changes)
    assert "`to.needed` has no default" in told


def test_a_reference_that_codegen_yaml_names_is_taken_as_it_says(folder: Folder) -> None:
    """A pinned reference keeps its version when the subject moves on."""
    world = World()
    world.publish(folder.wanted())
    folder.table["orders-value"]["references"] = {"shop.Address": "address@1"}
    with pytest.raises(FindingsError, match=r"is 'address@1'; there is no such subject here, or no such version"):
        folder.wanted()


def test_two_files_with_the_type_need_a_word_which_is_meant(folder: Folder) -> None:
    """The message names both files and the cure."""
    folder.write("other/Address", STREET)
    with pytest.raises(
        FindingsError, match=r"which avro/other/Address.avsc and avro/sub/Address.avsc define; say which in c"
    ):
        folder.wanted()
    folder.table["other"] = {"file": "avro/other/Address.avsc"}
    folder.table["orders-value"]["references"] = {"shop.Address": "other"}
    assert [each.subject for each in folder.wanted().subjects] == ["address", "other", "orders-value"]


def test_a_circle_of_files_is_told(folder: Folder) -> None:
    """Nobody can register two schemas of which each refers to the other."""
    folder.write("sub/Address", {"name": "last", "type": ["null", "Order"]})
    with pytest.raises(ContractError, match="refers to itself by way of others"):
        folder.wanted()


def test_a_file_that_is_not_there_is_told_with_its_subject(folder: Folder) -> None:
    """The message names the key of codegen.yaml."""
    folder.table["gone"] = {"file": "avro/Gone.avsc"}
    with pytest.raises(FindingsError, match=r"codegen.yaml: subjects.gone.file: 'avro/Gone.avsc' is not there"):
        folder.wanted()


@pytest.mark.parametrize("named", [True, False])
def test_a_protobuf_file_stands_under_the_subjects_that_are_named(folder: Folder, named: bool) -> None:
    """One file under several subjects, and under its import path where none is named."""
    (folder.root / "proto").mkdir()
    (folder.root / "proto" / "shop.proto").write_text('syntax = "proto3";\npackage shop;\nmessage M {}\n')
    if named:
        folder.table |= {name: {"file": "proto/shop.proto", "level": "FULL"} for name in ("a-value", "b-value")}
    found = {each.subject: each.level for each in folder.wanted().subjects if each.kind == "PROTOBUF"}
    assert found == ({"a-value": "FULL", "b-value": "FULL"} if named else {"shop.proto": "BACKWARD_TRANSITIVE"})
    world = World()
    world.publish(folder.wanted())
    assert world.publish(folder.wanted()) == 0


def test_a_global_level_that_is_another_is_drift_and_holds_for_verdicts(folder: Folder) -> None:
    """Subjects without a level of their own are judged under the registry's; codegen never sets that one."""
    world = World()
    world.registry.global_level = "BACKWARD"
    world.publish(folder.wanted())
    folder.write("sub/Address", STREET, {"name": "needed", "type": "string"})
    changes = world.publisher().survey(folder.wanted()).changes
    assert all(change.blocking for change in changes if change.kind is Kind.UPDATE)
    world.registry.global_level = "NONE"
    (blocked,) = (change.name for change in world.publisher().survey(folder.wanted()).changes if change.blocking)
    assert blocked == "subject orders-value"
    (folder.root / "codegen.yaml").write_text("level: BACKWARD\n", encoding="utf-8")
    (drift,) = (
        change
        for change in world.publisher().survey(wanted_of(tree.read(folder.root))).changes
        if change.kind is Kind.DRIFT
    )
    assert "its global level is NONE, codegen.yaml says BACKWARD" in drift.sentence


def test_subjects_of_others_are_told_only_when_they_are_asked_for(folder: Folder) -> None:
    """A registry has more than one project's subjects; a prefix asks for some, an empty one for all."""
    world = World()
    world.publish(folder.wanted())
    world.registry.subjects |= {"their-value": ["{}"], "orders-key": ["{}"]}
    told = {
        prefix: list(registry_drift(world.publisher().survey(folder.wanted(), prefix), "", None))
        for prefix in (None, "orders", "")
    }
    assert told[None] == []
    assert told["orders"] == ["subject orders-key: no contract wants it"]
    assert told[""] == [*told["orders"], "subject their-value: no contract wants it"]
