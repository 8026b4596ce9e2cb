"""Every legal name of a type, a field or a symbol works in Python: none hides what the generated code uses."""

import builtins
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codegen.avro import parse as avro_parse
from codegen.avro import types as avro_types
from codegen.avro.names import USED_BUILTINS, Names, python_names
from tally.base.fingerprint import PRIMITIVES
from tests_support.contracts.avro_modules import imported

SYMBOLS = [
    "__UNKNOWN", "_OTHER_", "_missing_", "_ignore_", "__members__", "_generate_next_value_", "property", "__slots__",
    "mro", "name", "value", "code", "of_code", "count", "int", "classmethod", "E", "_", "__", "_1", "None", "class",
]  # fmt: skip
TYPES = [
    "data", "record", "n", "out", "pos", "end", "depth", "error", "code", "cls", "self", "numpy", "raw1", "f0",
    "SCHEMA", "FULL_NAME", "FINGERPRINT", "WIDTH", "encode", "decode", "ClassVar", "Any", "Final", "annotations",
    "__all__", "_SCHEMA", "_logical", "_runtime", "_f0", "_data", "Enum", "Struct", "msgspec", "typing", "class",
    "None",
    *sorted({*USED_BUILTINS, *dir(builtins)} - PRIMITIVES - {"__debug__"}),
]  # fmt: skip
"""No type may have the name of a primitive one."""


def _record(name: str, *fields: Any, **extra: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "t", "fields": list(fields), **extra}


def _of_types(names: list[str]) -> str:
    """Return a schema whose top has a field of the same name for each type, of every kind of part."""
    fields = []
    for i, name in enumerate(dict.fromkeys(names)):
        inner = _record(name, {"name": name, "type": "int", "default": i}, {"name": "text", "type": ["null", "string"]})
        fields.append({"name": name, "type": inner})
    tail = [
        {"name": "raw", "type": ["null", "bytes", "int", "double", "boolean"], "default": None},
        {"name": "many", "type": {"type": "array", "items": {"type": "map", "values": "t.data"}}, "default": []},
        {"name": "four", "type": {"type": "fixed", "name": "four", "size": 4}},
        {"name": "suit", "type": {"type": "enum", "name": "suit", "symbols": ["A", "int", "suit"]}, "default": "suit"},
    ]
    return json.dumps(_record("Top", *fields, *tail))


@pytest.mark.parametrize("count", [1, 22, 70])
def test_the_code_of_a_symbol_is_its_place_in_the_schema_and_its_text_is_kept(tmp_path: Path, count: int) -> None:
    """Any legal symbol has the code of the schema's order on the wire, its own text as value, and a member."""
    symbols = [*SYMBOLS, *(f"S{i}" for i in range(70))][:count]
    kind = {"type": "enum", "name": "E", "symbols": symbols}
    with imported(json.dumps(_record("R", {"name": "e", "type": kind})), tmp_path) as module:
        for code, symbol in enumerate(symbols):
            member = module.E(symbol)
            assert (member.code, member.value, str(member), module.E.of_code(code)) == (code, symbol, symbol, member)
            data = module.R(e=member).encode()
            assert data[0] == (2 * code if code < 64 else (2 * code) & 0x7F | 0x80)
            assert module.R.decode(data).e is member
        assert len(module.E) == count


def test_the_one_rule_keeps_what_it_can_and_lets_the_rest_give_way_in_order() -> None:
    """Names that Python takes stay; others lose their underscores, end in one, and in more where one is taken."""
    names = ["from_", "from", "_id", "__deleted", "id_", "_", "__", "_1", "taken", "plain", "_plain", "plain_"]
    assert python_names({name: name for name in names}, frozenset({"taken"})) == {
        "from_": "from_",
        "from": "from__",
        "_id": "id__",
        "__deleted": "deleted_",
        "id_": "id_",
        "_": "x_",
        "__": "x__",
        "_1": "x1_",
        "taken": "taken_",
        "plain": "plain",
        "_plain": "plain__",
        "plain_": "plain_",
    }


def test_fields_of_any_name_are_read_and_written(tmp_path: Path) -> None:
    """A field of any legal name has an attribute, and two that would be one in Python have two."""
    names = [*SYMBOLS, "from", "from_", "_id", "__deleted", "encode", "decode", "from_framed", "self", "bytes", "str"]
    kinds = ["string", "bytes", {"type": "array", "items": "string"}]
    fields = [{"name": name, "type": kinds[i % 3]} for i, name in enumerate(names)]
    values = [f"é{i}" if i % 3 == 0 else b"x" * i if i % 3 == 1 else ("a", str(i)) for i in range(len(names))]
    with imported(json.dumps(_record("R", *fields)), tmp_path) as module:
        assert len(module.R.__struct_fields__) == len(names)
        record = module.R(**dict(zip(module.R.__struct_fields__, values, strict=True)))
        assert module.R.decode(record.encode()) == record


def test_types_of_any_name_are_read_and_written(tmp_path: Path) -> None:
    """Types named as built-ins, as locals of generated code or as what it imports work, beside fields of that name."""
    text = _of_types(TYPES)
    generated = avro_types.module_text(avro_parse.parse("x", text), "#")
    words = sorted(
        set(re.findall(r"\b[A-Za-z]\w*\b", generated))
        - PRIMITIVES
        - {"Top", "four", "many", "raw", "suit", "text"}
        - set(TYPES)
    )
    for names in (TYPES, [*TYPES, *words]):
        _round_trip(_of_types(names), tmp_path)


def _round_trip(text: str, folder: Path) -> None:
    schema = avro_parse.parse("x", text)
    with imported(text, folder) as module:
        python = Names(schema)
        parts = {}
        for i, (field, name) in enumerate(python.fields["t.Top"].items()):
            full = f"t.{field}"
            if full in python.fields and full != "t.Top":
                parts[name] = getattr(module, python.classes[full])(text=f"text {i}")
        data = parts[python.fields["t.Top"]["data"]]
        record = module.Top(**parts, raw=b"\xff", many=({"k": data},), four=b"1234")
        assert module.Top.decode(record.encode()) == record


def test_equal_short_names_of_two_namespaces_are_two_classes(tmp_path: Path) -> None:
    """The top keeps its name, and a type of the same short name in another namespace has another class."""
    other = {"type": "record", "name": "a.Thing", "fields": [{"name": "x", "type": "int"}]}
    third = {"type": "enum", "name": "b.Thing", "symbols": ["A", "B"]}
    text = json.dumps(_record("Thing", {"name": "other", "type": other}, {"name": "third", "type": third}))
    with imported(text, tmp_path) as module:
        record = module.Thing(other=module.Thing_(x=7), third=module.Thing__.B)
        assert module.Thing.decode(record.encode()) == record == module.Thing.decode(b"\x0e\x02")
        assert module.Thing.FULL_NAME == "t.Thing"


def test_code_with_any_names_is_strictly_typed(tmp_path: Path) -> None:
    """mypy --strict finds nothing in code whose users took the names that it would like best."""
    fields = [{"name": name, "type": "string"} for name in SYMBOLS]
    enum = {"name": "e", "type": {"type": "enum", "name": "E", "symbols": SYMBOLS}}
    texts = [_of_types(TYPES), json.dumps(_record("R", *fields, enum))]
    package = tmp_path / "package"
    for number, text in enumerate(texts):
        with imported(text, tmp_path) as module:
            folder = Path(str(module.__file__)).parent
            folder.rename(package if number == 0 else tmp_path / "other")
    (tmp_path / "other" / "module.py").rename(package / "other.py")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    command += ["--ignore-missing-imports", "package/module.py", "package/other.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
