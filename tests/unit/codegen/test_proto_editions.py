"""Editions, options of other languages and vendored files: what protoc takes becomes modules that import."""

from importlib import metadata
from pathlib import Path

import pytest

from codegen import tree
from codegen.generate import generated_files
from codegen.import_test import require_works
from codegen.lint import findings
from codegen.proto.compiler import include_dirs
from codegen.proto.rules import message_rules
from tests_support.checkout import ROOT

RULED = "message A { string a = 1 [(buf.validate.field).string.min_len = 1]; }"
GO = """edition = "2023";
import "google/protobuf/go_features.proto";
option features.(pb.go).api_level = API_OPAQUE;
message A { string a = 1; }
"""
CPP = """edition = "2024";
import option "google/protobuf/cpp_features.proto";
option features.(pb.cpp).string_type = VIEW;
message A { string a = 1; }
"""
OWN_OPTION = """syntax = "proto3";
import "google/protobuf/descriptor.proto";
extend google.protobuf.FieldOptions { string y = 1151; }
message A { string a = 1 [(y) = "some text"]; }
"""


def _contracts(folder: Path, files: dict[str, str]) -> tree.Contracts:
    for name, text in files.items():
        path = folder / "proto" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tree.read(folder)


@pytest.mark.parametrize(
    "text",
    [
        'edition = "2023";\nmessage A { string a = 1 [features.field_presence = IMPLICIT]; }',
        GO,
        CPP,
        'edition = "2024";\noption features.enforce_naming_style = STYLE_LEGACY;\nmessage aB { string fooBar = 1; }',
        'edition = "2024";\nexport message A { B b = 1; }\nlocal message B { string a = 1; }',
        f'edition = "2024";\nimport option "buf/validate/validate.proto";\n{RULED}',
        OWN_OPTION,
    ],
)
def test_what_protoc_takes_becomes_modules_that_import(text: str, tmp_path: Path) -> None:
    """Each file becomes code, also where it imports options whose Python module nobody has."""
    made = generated_files(_contracts(tmp_path, {"x/x.proto": text}), "made")
    require_works(made, "made", {})
    assert "x/x_pb2.py" in made


def test_rules_are_found_by_an_import_for_options_alone(tmp_path: Path) -> None:
    """`import option` of edition 2024 brings rules as `import` does."""
    text = f'edition = "2024";\nimport option "buf/validate/validate.proto";\n{RULED}'
    found = _contracts(tmp_path, {"x.proto": text})
    assert [each.name for each in message_rules(found.descriptors, found.proto)] == ["A"]


def test_a_file_imports_the_options_of_another_one_of_the_contracts(tmp_path: Path) -> None:
    """`import option` of a file of one's own becomes code, whichever of the two comes first."""
    own = OWN_OPTION.replace("message", "package units;\nmessage")
    text = 'edition = "2024";\nimport option "NAME";\nmessage B { string b = 1 [(units.y) = "some text"]; }\n'
    for name, other in (("a.proto", "b.proto"), ("b.proto", "a.proto")):
        made = generated_files(_contracts(tmp_path, {name: own, other: text.replace("NAME", name)}), "made")
        require_works(made, "made", {})


def test_a_vendored_file_that_a_package_has_is_not_made_again(tmp_path: Path) -> None:
    """Files that `buf export` leaves are taken from the installed package, so that no symbol is there twice."""
    own = 'syntax = "proto3";\nimport "google/api/annotations.proto";\nmessage A { string a = 1; }\n'
    other = 'syntax = "proto3";\npackage google.api;\nmessage Http { string another_version = 1; }\n'
    found = _contracts(tmp_path, {"x.proto": own, "google/api/http.proto": other})
    made = generated_files(found, "made")
    require_works(made, "made", {})
    assert found.copies == ("google/api/http.proto",)
    assert not [name for name in made if name.startswith("google")]
    notes = [each for each in findings(found) if each.rule == "copy"]
    assert [(each.file, each.severity) for each in notes] == [("proto/google/api/http.proto", "note")]


def test_a_copy_is_told_with_the_package_that_is_used_and_with_what_it_says_otherwise(tmp_path: Path) -> None:
    """Lint names the installed package of each copy; a newer copy also with what it has more, comments aside."""
    (folder,) = [each for each in include_dirs() if (each / "google/type/date.proto").is_file()]
    date, money = ((folder / f"google/type/{name}.proto").read_text() for name in ("date", "money"))
    newer = money.replace("message Money {", "message Money {\n  string added = 99;\n  string more = 98;", 1)
    copies = {"google/type/date.proto": f"// Vendored.\n{date}", "google/type/money.proto": newer}
    broken = {"google/type/fraction.proto": "message {"}
    found = _contracts(tmp_path, {"x.proto": 'syntax = "proto3";\nmessage A {}\n', **copies, **broken})
    said = {each.file.rpartition("/")[2]: each.problem for each in findings(found) if each.rule == "copy"}
    package = f"googleapis-common-protos {metadata.version('googleapis-common-protos')}"
    assert said["date.proto"] == f"this copy is not used: {package} has the file, and its Python module"
    for words in (package, "the field `added` (string, number 99) is new", "install the version of the package"):
        assert words in said["money.proto"]
    assert "it does not compile: " in said["fraction.proto"]


def test_stubs_may_be_typed_for_blocking_calls_as_well(tmp_path: Path) -> None:
    """`grpc: both` in codegen.yaml brings the types of blocking calls beside those of asyncio."""
    text = 'syntax = "proto3";\nmessage A { string a = 1; }\nservice S { rpc Do(A) returns (A); }\n'
    (tmp_path / "codegen.yaml").write_text("grpc: both\n")
    both = generated_files(_contracts(tmp_path, {"x.proto": text}), "made")["x_pb2_grpc.pyi"]
    (tmp_path / "codegen.yaml").unlink()
    only_async = generated_files(tree.read(tmp_path), "made")["x_pb2_grpc.pyi"]
    assert "grpc.UnaryUnaryMultiCallable" in both
    assert "grpc.UnaryUnaryMultiCallable" not in only_async
    assert "aio.UnaryUnaryMultiCallable" in only_async


def test_the_contracts_of_this_repository_hold_no_copies() -> None:
    """No file of the contracts is one that a package brings."""
    assert tree.read(ROOT / "contracts").copies == ()
