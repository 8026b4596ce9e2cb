"""Protobuf files of other projects become code that imports, each of them, and their rules are judged rightly."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentelemetry.proto
import pytest
from google.protobuf import descriptor_pb2

from codegen.errors import CodegenError, ContractError
from codegen.proto.compat import findings
from codegen.proto.compiler import closure, descriptors_of_all, include_dirs, is_installed
from codegen.proto.rules import message_rules
from codegen.proto.validate import types_of
from tests_support.contracts import foreign, foreign_messages, foreign_proto
from tests_support.contracts.foreign_proto import Files
from tests_support.contracts.rules import of_descriptors, said_by_oracle

FIELD_NAMES = "cmd/protoc-gen-go/testdata/fieldnames/fieldnames.proto"
SEED = 20
VALUES_EACH = 8
WRONG_ON_PURPOSE = re.compile(r"IncorrectType|WrongType")
"""protovalidate's messages whose rules fit no validator, as a test of just that."""


def _googleapis() -> Files:
    texts = foreign_proto.texts_of(include_dirs()[0] / "google")
    return descriptors_of_all({f"google/{name}": text for name, text in texts.items() if "protobuf/" not in name})


def _grpcio_tools() -> Files:
    return descriptors_of_all(foreign_proto.texts_of(include_dirs()[1]))


def _xds() -> Files:
    return foreign_proto.in_python(foreign.packages())


def _opentelemetry() -> Files:
    return foreign_proto.in_python(Path(next(iter(opentelemetry.proto.__path__))))


@pytest.mark.parametrize(
    ("files", "before", "count"),
    [
        (_googleapis, "google/(?!protobuf/)", 63),
        (_grpcio_tools, "google/protobuf/", 15),
        (_opentelemetry, "opentelemetry/", 10),
        (_xds, "", 708),
    ],
)
def test_every_file_of_a_project_becomes_code(files: Any, before: str, count: int) -> None:
    """Each Protobuf file of the project becomes modules that import; none is refused."""
    found = files()
    own = [file.name for file in found.file if re.match(before, file.name) and (before or not is_installed(file.name))]
    made = foreign_proto.code(found, own)
    assert len(own) == count
    assert len([name for name in made if name.endswith("_pb2.py")]) == count


def test_protobuf_s_own_test_files_become_code() -> None:
    """Groups, extensions, message sets, required fields, editions: what protoc's Python can import, we make."""
    refused: dict[str, str] = {}
    made = 0
    for found, own in foreign_proto.protobuf_tests():
        if FIELD_NAMES in own:
            with pytest.raises(CodegenError, match="duplicate json_name"):
                foreign_proto.code(Files(file=[file for file in found.file if file.name == FIELD_NAMES]), [FIELD_NAMES])
            refused[FIELD_NAMES] = "two fields with one name in JSON: protoc's own module of it cannot be imported"
        others = [file for file in found.file if file.name != FIELD_NAMES]
        modules = foreign_proto.code(Files(file=others), [name for name in own if name != FIELD_NAMES])
        made += len([name for name in modules if name.endswith("_pb2.py")])
    assert (made, list(refused)) == (132, [FIELD_NAMES])


@pytest.fixture(scope="module")
def cases() -> Files:
    """Return protovalidate's conformance messages, without those that are wrong on purpose."""
    found = foreign_proto.conformance_cases()
    for file in found.file:
        for i in range(len(file.message_type) - 1, -1, -1):
            if WRONG_ON_PURPOSE.search(file.message_type[i].name):
                del file.message_type[i]
    return found


def _own(found: Files) -> list[str]:
    return [file.name for file in found.file if "/conformance/" in file.name]


def test_rules_that_fit_no_validator_are_refused_and_no_others() -> None:
    """Of protovalidate's own files those are refused that hold a rule for another type, and no other one."""
    found = foreign_proto.conformance_cases()
    by_name = {file.name: file for file in found.file}
    refused = {}
    for name in _own(found):
        wanted = closure(by_name, [name])
        try:
            message_rules(Files(file=[file for file in found.file if file.name in wanted]), [name])
        except ContractError as error:
            refused[name.rpartition("/")[2]] = error.place.split(".")[-2]
    assert len(_own(found)) == 36
    assert sorted(refused) == ["numbers.proto", "wkt_any.proto", "wkt_duration.proto", "wkt_timestamp.proto"]
    assert all(WRONG_ON_PURPOSE.search(message) for message in refused.values()), refused


def test_protovalidate_s_own_messages_are_judged_as_it_judges_them(cases: Files) -> None:
    """On its conformance messages, compiled or not, the generated functions say what protovalidate says."""
    made = foreign_proto.code(cases, _own(cases))
    assert len([name for name in made if name.endswith("_rules.py")]) == 34
    file = of_descriptors(cases, _own(cases))
    compiled = [message for message in file.messages if not message.reason]
    chance = random.Random(SEED)
    judged = 0
    for message in compiled:
        for value in foreign_messages.messages(file.pool, message.full_name, chance, VALUES_EACH):
            try:
                expected = said_by_oracle(value)
            except Exception:  # noqa: BLE001 - it cannot judge this value: a rule divides by a field that is 0
                continue
            judged += 1
            said = file.said_by_rules(message.file, file.functions[message.full_name], value)
            assert said == expected, f"seed {SEED}: {message.full_name}: {value}"
    assert (len(file.messages), len(compiled)) == (762, 212)
    assert judged > len(compiled) * (VALUES_EACH - 1)


def _each_removed(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, descriptor_pb2.FileDescriptorProto]]:
    """Yield a file without one of its things, and what that is."""
    for what in ("message_type", "enum_type", "service", "extension"):
        for i, thing in enumerate(getattr(file, what)):
            if any(name.endswith(f".{thing.name}") for name in types_of(file)):
                continue  # without it the file does not compile
            copy = descriptor_pb2.FileDescriptorProto.FromString(file.SerializeToString())
            del getattr(copy, what)[i]
            yield f"{what} {thing.name}", copy
    for i, message in enumerate(file.message_type):
        for j, field in enumerate(message.field):
            copy = descriptor_pb2.FileDescriptorProto.FromString(file.SerializeToString())
            del copy.message_type[i].field[j]
            yield f"field {message.name}.{field.name}", copy


def test_nothing_that_is_removed_goes_unseen() -> None:
    """Whatever a file loses, a message, an enum, a service, an extension or a field, the verdict refuses it."""
    found = _opentelemetry()
    [file] = [file for file in found.file if file.name == "opentelemetry/proto/common/v1/common.proto"]
    unseen = []
    count = 0
    for what, without in _each_removed(file):
        count += 1
        new = Files(file=[without])
        if not findings(file.name, "v1", Files(file=[file]), "v2", new):
            unseen.append(what)
    assert (count, unseen) == (23, [])
