"""buf.yaml is heard, or refused by the name of what is not heard."""

import json
from pathlib import Path
from typing import Any

import pytest

from codegen.errors import ContractError
from codegen.proto.buf_yaml import buf_yaml_of
from codegen.proto.compat import findings
from codegen.proto.compiler import descriptors_of

MODULES = "modules:\n  - path: proto\n"
SETTINGS = """deps: [buf.build/googleapis/googleapis]
lint:
  use: [MINIMAL]
  ignore: [proto/a]
  ignore_only:
    RPC_PASCAL_CASE: [proto/b.proto]
breaking:
  except: [FILE_SAME_PACKAGE]
  ignore: [proto]
"""


@pytest.mark.parametrize(
    ("name", "text", "lint", "breaking"),
    [
        ("buf.yaml", f"version: v2\n{MODULES}", {"use": ["STANDARD"]}, None),
        (
            "buf.yaml",
            f"version: v2\n{MODULES}{SETTINGS}",
            {"use": ["MINIMAL"], "ignore": ["a"], "ignore_only": {"RPC_PASCAL_CASE": ["b.proto"]}},
            {"use": ["FILE"], "except": ["FILE_SAME_PACKAGE"], "ignore": ["."]},
        ),
        (
            "buf.yaml",
            "version: v2\nmodules:\n  - path: proto\n    breaking:\n      use: [WIRE]\nbreaking:\n  use: [PACKAGE]\n",
            {"use": ["STANDARD"]},
            {"use": ["WIRE"]},
        ),
        (
            "proto/buf.yaml",
            "version: v1\nname: buf.build/a/b\nlint:\n  ignore: [a]\n",
            {"use": ["STANDARD"], "ignore": ["a"]},
            None,
        ),
    ],
)
def test_lint_and_breaking_are_heard(
    name: str, text: str, lint: dict[str, Any], breaking: dict[str, Any] | None, tmp_path: Path
) -> None:
    """Rules, exceptions and ignored paths are those of buf.yaml, paths as they are below proto/."""
    (tmp_path / "proto").mkdir()
    (tmp_path / name).write_text(text)
    found = buf_yaml_of(tmp_path)
    assert (found.lint, found.breaking) == (lint, breaking)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: v1beta1\n", "version: is 'v1beta1'"),
        ("version: v1\n", "move it to proto/buf.yaml"),
        ("version: v2\nmodules:\n  - path: api\n", "modules[0].path: is 'api'"),
        ("version: v2\nmodules:\n  - path: proto\n    excludes: [proto/a]\n", "modules[0].excludes: is not heard"),
        (f"version: v2\n{MODULES}plugins:\n  - plugin: x\n", "plugins: is not heard"),
        (f"version: v2\n{MODULES}lint:\n  ignore: [api/a]\n", "lint.ignore: has 'api/a'"),
        (f"version: v2\n{MODULES}breaking:\n  uses: [FILE]\n", "breaking.uses: is not heard"),
        (f"version: v2\n{MODULES}breaking: FILE\n", "breaking: is 'FILE'"),
    ],
)
def test_what_is_not_heard_is_refused_by_name(text: str, words: str, tmp_path: Path) -> None:
    """A key that codegen would not act on stops it, so that nobody relies on it."""
    (tmp_path / "buf.yaml").write_text(text)
    with pytest.raises(ContractError) as refused:
        buf_yaml_of(tmp_path)
    assert words in str(refused.value)


OLD = """syntax = "proto2";
message M { optional int32 a = 1; extensions 100 to 200; }
extend M { optional int32 e = 100; }
"""


@pytest.mark.parametrize(
    ("new", "breaking", "rules"),
    [
        (OLD.replace("int32 a", "int64 a"), {}, ["FIELD_WIRE_JSON_COMPATIBLE_TYPE"]),
        (OLD.replace("int32 a", "int64 a"), {"use": ["WIRE"]}, []),
        (OLD.replace("int32 a", "int64 a"), {"use": ["FILE"], "ignore": ["x.proto"]}, []),
        (OLD.replace("int32 a", "int64 a"), {"use": ["FILE"], "ignore_only": {"FIELD_SAME_TYPE": ["x.proto"]}}, []),
        (OLD.replace("optional int32 a = 1; ", 'reserved 1; reserved "a"; '), {}, []),
        (OLD.replace("optional int32 a = 1; ", 'reserved 1; reserved "a"; '), {"use": ["FILE"]}, ["FIELD_NO_DELETE"]),
        (OLD.replace("optional int32 a = 1; ", ""), {}, ["deleted without reserved"]),
        (OLD.replace("extend M { optional int32 e = 100; }", ""), {}, ["EXTENSION_NO_DELETE"]),
        (OLD.replace("100 to 200", "100 to 150"), {}, ["EXTENSION_MESSAGE_NO_DELETE"]),
    ],
)
def test_breaking_rules_are_those_of_buf_yaml(new: str, breaking: dict[str, Any], rules: list[str]) -> None:
    """A change is judged by the rules of buf.yaml where it has some, else by codegen's; names have no leading dot."""
    old_set, new_set = (descriptors_of({"x.proto": text}, "x.proto") for text in (OLD, new))
    found = findings("x.proto", "v1", old_set, "v2", new_set, breaking=json.dumps(breaking) if breaking else "")
    assert [each.rule for each in found] == rules
    assert not any(" .M" in each.sentence or '".M' in each.sentence for each in found)
