"""A schema that is wrong, or that the generator does not support, is refused with file, place and what is allowed."""

import json
from pathlib import Path
from typing import Any

import pytest

from codegen.avro import parse as avro_parse
from codegen.avro import types as avro_types
from codegen.avro.schema import Array, Logical, Named, Primitive, Record, Type, Union
from codegen.errors import ContractError
from tests_support.contracts.avro_modules import imported


def _record(*fields: Any, **extra: Any) -> str:
    return json.dumps({"type": "record", "name": "R", "namespace": "t", "fields": list(fields), **extra})


def _of(kind: Any, **extra: Any) -> str:
    return _record({"name": "f", "type": kind, **extra})


def _generate(text: str) -> str:
    return avro_types.module_text(avro_parse.parse("avro/x.avsc", text), "# header")


WRONG = [
    ('{"type": "record",\n "name": }', "line 2", "not JSON"),
    ("[" * 100_000, "line 1", "nested deeper than 256"),
    ('{"type": "record",\n "type": "enum"}', "line 2, $.type", "there twice"),
    (r'{"type": "record", "\ud83d": 1}', "line 1, $", "half of a character"),
    (_of("int", doc="x").replace('"x"', '"\\ud83d"'), "line 1, $.fields[0].doc", "half of a character"),
    (_of("int", doc="a\0b"), "line 1, $.fields[0].doc", "u0000"),
    (_of("double", default=0).replace(" 0}", " NaN}"), "line 1, $.fields[0].default", "NaN is not JSON"),
    (_of("double", default=0).replace(" 0}", " -Infinity}"), "line 1, $.fields[0].default", "-Infinity is not JSON"),
    (_of("double", default=0).replace(" 0}", " 1e400}"), "line 1, $.fields[0].default", "larger than any double"),
    (_of("long", default=0).replace(" 0}", f" {'9' * 5000}}}"), "line 1, $.fields[0].default", "5000 characters"),
    ("7", "$", "not a schema"),
    ('{"name": "R"}', "$", "'type' is missing"),
    ('{"type": "record", "fields": []}', "$", "'name' is missing"),
    ('{"type": "record", "name": "1R", "fields": []}', "$.name", "not a name"),
    ('{"type": "record", "name": "R", "namespace": "a..b", "fields": []}', "$.namespace", "not a namespace"),
    ('{"type": "record", "name": "R", "fields": {}}', "$.fields", "list of fields"),
    (_record("f"), "$.fields[0]", "not a field"),
    (_record({"name": "f"}), "$.fields[0]", "'type' is missing"),
    (_record({"name": "a-b", "type": "int"}), "$.fields[0].name", "not a name"),
    (_record({"name": "f", "type": "int"}, {"name": "f", "type": "int"}), "$.fields[1].name", "twice"),
    (_record({"name": "f", "type": "int", "doc": 3}), "$.fields[0].doc", "not a text"),
    (_of("strin"), "$.fields[0].type", "allowed are boolean, bytes"),
    (_of({"type": "strin"}), "$.fields[0].type.type", "not a type"),
    (_of(None), "$.fields[0].type", "not a schema"),
    (_of({"type": 7}), "$.fields[0].type.type", "not a type"),
    (_of({"type": "array"}), "$.fields[0].type", "'items' is missing"),
    (_of({"type": "array", "items": "nil"}), "$.fields[0].type.items", "not a type"),
    (_of({"type": "map"}), "$.fields[0].type", "'values' is missing"),
    (_of([]), "$.fields[0].type", "1 to 1024 branches"),
    (_of(["int", "int"]), "$.fields[0].type", "int is there 2 times"),
    (_of(["null", ["int"]]), "$.fields[0].type", "hold a union"),
    (_of([{"type": "array", "items": "int"}, {"type": "array", "items": "long"}]), "$.fields[0].type", "array"),
    (_of({"type": "enum", "name": "E", "symbols": []}), "$.fields[0].type.symbols", "one symbol or more"),
    (_of({"type": "enum", "name": "E", "symbols": ["A", "A"]}), "$.fields[0].type.symbols[1]", "twice"),
    (_of({"type": "enum", "name": "E", "symbols": ["a b"]}), "$.fields[0].type.symbols[0]", "not a symbol"),
    (_of({"type": "fixed", "name": "F", "size": 0}), "$.fields[0].type.size", "1 to 16777216"),
    (_of({"type": "fixed", "name": "F", "size": True}), "$.fields[0].type.size", "1 to 16777216"),
    (_of({"type": "fixed", "name": "int", "size": 1}), "$.fields[0].type.name", "primitive"),
    (_of({"type": "fixed", "name": "R", "size": 1}), "$.fields[0].type.name", "defined twice"),
    (_of("int", aliases=["1x"]), "$.fields[0].aliases[0]", "not a name"),
    (_record(aliases="x"), "$.aliases", "not a list of names"),
    (_of('{"type":"array","items":' * 70), "$.fields[0].type", "not a type"),
    (_of(json.loads('{"type":"array","items":' * 70 + '"int"' + "}" * 70)), "items", "nested deeper"),
    (_of("R"), "$.fields[0]", "without end"),
    (_of(["R"]), "$.fields[0]", "without end"),
    (_of({"type": ["R", {"type": "record", "name": "Q", "fields": [{"name": "r", "type": "R"}]}]}), "", "without end"),
    (_of({"type": "record", "name": "Q", "fields": [{"name": "r", "type": "R"}]}), "", "without end"),
]


@pytest.mark.parametrize(("text", "place", "words"), WRONG)
def test_a_wrong_or_unsupported_schema_is_refused_with_its_place(text: str, place: str, words: str) -> None:
    """A schema that is wrong or unsupported is refused with its file, the path in it and what is allowed."""
    with pytest.raises(ContractError) as caught:
        _generate(text)
    assert str(caught.value).startswith("avro/x.avsc: ")
    assert place in str(caught.value)
    assert words in str(caught.value)


def test_a_name_is_found_in_the_namespace_of_its_user_or_as_a_full_name(tmp_path: Path) -> None:
    """A type may be named by its full name or within its user's namespace, and its records decode."""
    inner = {
        "type": "record",
        "name": "other.I",
        "fields": [{"name": "x", "type": {"type": "fixed", "name": "F", "size": 1}}],
    }
    text = _record({"name": "i", "type": inner}, {"name": "j", "type": "other.I"}, {"name": "f", "type": "other.F"})
    assert list(avro_parse.parse("x", text).named) == ["other.F", "other.I", "t.R"]
    with imported(text, tmp_path) as module:
        assert module.R.decode(b"abc") == module.R(i=module.I(x=b"a"), j=module.I(x=b"b"), f=b"c")


def test_a_float_branch_of_a_union_takes_a_whole_number_as_python_s_types_do(tmp_path: Path) -> None:
    """A double in a union accepts an int and refuses text with the types that are allowed."""
    with imported(_of(["null", "double"]), tmp_path) as module:
        assert module.R.decode(module.R(f=3).encode()).f == 3.0
        with pytest.raises(ValueError, match="allowed is None or float"):
            module.R(f="3").encode()


def test_documentation_cannot_break_out_of_the_generated_code(tmp_path: Path) -> None:
    """A doc with quotes, escapes and newlines stays a docstring, and the schema's text is kept as it was."""
    nasty = 'a """ b \\" \\N{x} \\u00zz \' # {x} \n\n import os; "'
    text = _record({"name": "f", "type": "int", "doc": nasty}, doc=nasty)
    with imported(text, tmp_path) as module:
        assert "import os" in module.R.__doc__
        assert json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False) == module.SCHEMA


NOTED = [
    (_of({"type": "long", "logicalType": "timestamp"}), "$.fields[0].type.logicalType", "'timestamp' is no logical"),
    (_of({"type": "string", "logicalType": ["x"]}), "$.fields[0].type.logicalType", "no logical type of string"),
    (_of({"type": "array", "items": "int", "logicalType": "set"}), "$.fields[0].type.logicalType", "of array"),
    (
        _of({"type": "enum", "name": "E", "symbols": ["A"], "logicalType": "x"}),
        "$.fields[0].type.logicalType",
        "of enum",
    ),
    (_of({"type": "bytes", "logicalType": "decimal"}), "$.fields[0].type.logicalType", "allowed is 1 to 1000"),
    (
        _of({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}),
        "$.fields[0].type.logicalType",
        "allowed is 0 to the precision, 2",
    ),
    (
        _of({"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 5}),
        "$.fields[0].type.logicalType",
        "1 to 4 here",
    ),
    (
        _of({"type": "fixed", "name": "F", "size": 8, "logicalType": "uuid"}),
        "$.fields[0].type.logicalType",
        "has 16 bytes, not 8",
    ),
    (_of("long", logicalType="timestamp-millis"), "$.fields[0].logicalType", "beside the type"),
    (_of({"type": {"type": "string"}, "logicalType": "uuid"}), "$.fields[0].type.logicalType", "beside the type"),
    (
        _record(
            {"name": "a", "type": {"type": "fixed", "name": "X", "namespace": "", "size": 1}},
            {"name": "b", "type": "X"},
        ),
        "$.fields[1].type",
        "X has no namespace",
    ),
]


@pytest.mark.parametrize(("text", "place", "words"), NOTED)
def test_what_the_specification_says_to_ignore_is_ignored_with_a_note(text: str, place: str, words: str) -> None:
    """A logical type that is unknown, wrong or in the wrong place leaves the underlying type, and is told."""
    schema = avro_parse.parse("avro/x.avsc", text)
    (note,) = schema.notes
    assert (note.severity, note.place, note.line) == ("note", place, 1)
    assert words in note.problem
    assert "Logical(" not in repr(schema.definition)


def test_aliases_errors_wrapped_types_and_a_byte_order_mark_are_read() -> None:
    """Aliases become full names, an error is a record, `{"type": {"type": ...}}` is what is inside it."""
    text = _record(
        {"name": "f", "aliases": ["g"], "type": {"type": {"type": {"type": "string"}}}},
        {"name": "e", "type": {"type": "error", "name": "E", "fields": []}},
        aliases=["Old", "other.Older"],
    )
    schema = avro_parse.parse("avro/x.avsc", "\ufeff" + text)
    record = schema.definition
    assert isinstance(record, Record)
    assert record.aliases == ("t.Old", "other.Older")
    assert (record.fields[0].aliases, record.fields[0].type) == (("g",), Primitive("string"))
    error = schema.named["t.E"]
    assert isinstance(error, Record)
    assert error.error
    assert not schema.text.startswith("\ufeff")


@pytest.mark.parametrize(
    ("text", "name", "top"),
    [
        ('"string"', "string", Primitive("string")),
        ('{"type": "long", "logicalType": "timestamp-nanos"}', "long", Primitive("long", Logical("timestamp-nanos"))),
        ('{"type": "long", "logicalType": "local-timestamp-nanos"}', "long", None),
        ('{"type": "bytes", "logicalType": "big-decimal"}', "bytes", Primitive("bytes", Logical("big-decimal"))),
        ('["null", "int"]', "union", Union((Primitive("null"), Primitive("int")))),
        ('{"type": "array", "items": "int"}', "array", Array(Primitive("int"))),
        ('{"type": "map", "values": ["null", "int"]}', "map", None),
        ('{"type": "enum", "name": "a.E", "symbols": ["A"]}', "a.E", Named("a.E")),
        ('{"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}', "D", Named("D")),
        ('[{"type": "record", "name": "R", "fields": []}, {"type": "array", "items": "R"}]', "union", None),
        (json.dumps([{"type": "fixed", "name": f"F{i}", "size": 1} for i in range(300)]), "union", None),
    ],
)
def test_the_top_of_a_file_is_any_type(text: str, name: str, top: Type | None) -> None:
    """A file may hold an enum, a fixed, a primitive, an array, a map or a union of any size, and nothing is ignored."""
    schema = avro_parse.parse("avro/x.avsc", text)
    assert (schema.name, schema.notes) == (name, ())
    assert top in {None, schema.top}


def test_comments_are_left_out_and_lines_stay_what_they_are() -> None:
    """Comments, which Java's Avro takes, are no part of the schema; an error behind one has the file's own line."""
    text = '/* "type":\n 1 */\n{"type": "record", // "x\n "name": "R", "doc": "http://x /* y */",\n "fields": %s}'
    schema = avro_parse.parse("avro/x.avsc", text % "[]")
    assert schema.text == '{"type":"record","name":"R","doc":"http://x /* y */","fields":[]}'
    with pytest.raises(ContractError, match=r"line 5, \$\.fields: must be a list"):
        avro_parse.parse("avro/x.avsc", text % "{}")
