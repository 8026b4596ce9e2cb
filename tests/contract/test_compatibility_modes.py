"""Offline, each of the seven modes looks where it says, and fastavro reads what we call readable."""

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.avro import parse as avro_parse
from codegen.avro.compat import Version, verdict
from codegen.avro.defaults import wrong_defaults
from codegen.avro.resolve import obstacles
from codegen.project import LEVELS
from tests_support.contracts.avro_changes import (
    HISTORY,
    HISTORY_NEXT,
    MICROS,
    MILLIS,
    TOLD_OF_MODES,
    decimal,
    field,
    record,
)
from tests_support.contracts.small_contracts import COUNT, ID, Run, SmallContracts


def _version(name: str, text: str) -> Version:
    return Version(name, avro_parse.parse(f"{name}.avsc", text))


def _sentences(old: str, new: str, level: str = "FULL") -> list[str]:
    return [finding.sentence for finding in verdict([_version("v1", old)], _version("v2", new), level)]


@pytest.mark.parametrize("level", TOLD_OF_MODES)
def test_each_of_the_seven_modes_looks_at_the_versions_and_directions_it_says(level: str) -> None:
    """Each compatibility mode objects to exactly those versions and directions that it covers."""
    history = [_version(f"v{i}", text) for i, text in enumerate(HISTORY, 1)]
    found = verdict(history, _version("v3", HISTORY_NEXT), level)
    assert [finding.sentence for finding in found] == TOLD_OF_MODES[level]


def test_all_seven_modes_are_here() -> None:
    """The modes that are tested here are all that a topic's file may name."""
    assert tuple(TOLD_OF_MODES) == LEVELS


def test_a_recursive_record_is_walked_once() -> None:
    """A record that contains itself is compared in finite time and is compatible with itself."""
    tree = record(field("x", "int"), field("next", ["null", "t.R"], default=None))
    assert _sentences(tree, tree) == []


def test_a_breaking_change_is_told_offline_in_a_sentence_with_exit_3(run: Run, small: SmallContracts) -> None:
    """Offline, a breaking change ends plan and lock with exit code 3 and one sentence a direction."""
    small.set_fields(ID, {"name": "trace_id", "type": "string"})
    assert run("generate")[0] == 0
    code, said = run("plan", "--offline")
    assert code == 3
    assert "        - consumers on v2 cannot read v1: `trace_id` has no default\n" in said
    assert "        - consumers on v1 cannot read v2: `count` has no default\n" in said
    code, said = run("plan", "--offline", "--json")
    assert code == 3
    changes = {change["name"]: change for change in json.loads(said)["changes"]}
    assert changes[f"subject {small.subject}"]["kind"] == "UPDATE"
    assert len(changes[f"subject {small.subject}"]["objections"]) == 2
    assert run("lock")[0] == 3


def test_transitive_levels_look_at_all_of_the_history_offline(run: Run, small: SmallContracts) -> None:
    """Offline, a transitive level finds the conflict with an old locked version that the newest one hides."""
    small.set_fields(ID, COUNT, {"name": "note", "type": "string", "default": ""})
    assert run("generate")[0] == 0
    assert run("plan", "--offline")[0] == 2
    assert run("lock")[0] == 0
    assert (small.root / "history" / small.subject / "v2.avsc").is_file()
    small.set_fields(ID, COUNT, {"name": "note", "type": "string"})
    code, said = run("plan", "--offline")
    assert code == 3
    assert "consumers on v3 cannot read v1: `note` has no default" in said
    assert "read v2" not in said


# --- fastavro as the oracle -------------------------------------------------------------------------------------------

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
TEXT = st.text(alphabet="aé€", max_size=4)
PLAIN = st.sampled_from((*PRIMITIVES, MILLIS, MICROS, decimal(6, 2), decimal(6, 3)))
UNIONS = st.lists(st.sampled_from(PRIMITIVES), min_size=1, max_size=3, unique=True)
SIZES = st.integers(1, 2).map(lambda size: {"type": "fixed", "size": size})


@st.composite
def _enums(draw: st.DrawFn) -> dict[str, Any]:
    symbols = draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True))
    return {"type": "enum", "symbols": symbols} | ({"default": symbols[0]} if draw(st.booleans()) else {})


@st.composite
def _record_pairs(draw: st.DrawFn, inner: st.SearchStrategy[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return a record in two versions: fields are kept, changed, added and removed, with and without default."""
    sides: tuple[list[Any], list[Any]] = ([], [])
    for i, pair in enumerate(draw(st.lists(inner, min_size=1, max_size=2))):
        present = draw(st.sampled_from(((0, 1), (0, 1), (0,), (1,))))
        for side in present:
            one = field(f"f{i}", pair[side])
            if isinstance(pair[side], str) and pair[side] in DEFAULTS and draw(st.booleans()):
                one["default"] = draw(st.sampled_from((DEFAULTS[pair[side]], DEFAULTS[pair[side]], "wrong")))
            sides[side].append(one)
    return {"type": "record", "fields": sides[0]}, {"type": "record", "fields": sides[1]}


def _changes() -> st.SearchStrategy[tuple[Any, Any]]:
    """Return pairs of types, an old and a new one, which are often alike; named ones get a name later."""
    leaf: st.SearchStrategy[tuple[Any, Any]] = st.one_of(
        st.tuples(PLAIN, PLAIN),
        st.tuples(st.sampled_from(("int", "long", "float")), st.sampled_from(("long", "float", "double"))),
        st.tuples(PLAIN | UNIONS, UNIONS),
        st.tuples(UNIONS, PLAIN),
        st.tuples(_enums(), _enums()),
        st.tuples(SIZES, SIZES),
        st.tuples(SIZES, _enums()),
        (PLAIN | UNIONS | _enums() | SIZES).map(lambda kind: (kind, kind)),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(lambda pair: ({"type": "array", "items": pair[0]}, {"type": "array", "items": pair[1]})),
            inner.map(lambda pair: ({"type": "map", "values": pair[0]}, {"type": "map", "values": pair[1]})),
            _record_pairs(inner),
        ),
        max_leaves=3,
    )


def _named(tree: Any, path: str) -> Any:
    """Return the type with a name of its place for each named type in it, so that both versions call it alike."""
    if isinstance(tree, list):
        return [_named(branch, f"{path}u{i}") for i, branch in enumerate(tree)]
    if not isinstance(tree, dict):
        return tree
    found = {key: _named(value, f"{path}i") if key in {"items", "values"} else value for key, value in tree.items()}
    if tree["type"] in {"enum", "fixed", "record"}:
        found["name"] = f"N{path}"
    if tree["type"] == "record":
        found["fields"] = [{**f, "type": _named(f["type"], f"{path}{f['name']}")} for f in tree["fields"]]
    return found


DEFAULTS: dict[str, Any] = {"int": 0, "long": 0, "string": "", "boolean": False, "double": 1.5, "float": 0.5}


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Return two versions of a record."""
    old, new = draw(_record_pairs(_changes()))
    first, second = (record(*(_named(side, "x")["fields"])) for side in (old, new))
    return first, second


@st.composite
def _value(draw: st.DrawFn, tree: Any) -> Any:
    if isinstance(tree, list):
        return draw(_value(draw(st.sampled_from(tree))))
    kind = tree["type"] if isinstance(tree, dict) else tree
    if isinstance(tree, dict) and "logicalType" in tree:
        return b"\x01" if kind == "bytes" else draw(st.integers(0, 2**40))
    match kind:
        case "array":
            return draw(st.lists(_value(tree["items"]), max_size=2))
        case "map":
            return draw(st.dictionaries(TEXT, _value(tree["values"]), max_size=2))
        case "record":
            return {f["name"]: draw(_value(f["type"])) for f in tree["fields"]}
        case "enum":
            return draw(st.sampled_from(tree["symbols"]))
        case "fixed":
            return draw(st.binary(min_size=tree["size"], max_size=tree["size"]))
    plain: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(),
        "boolean": st.booleans(),
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "float": st.floats(width=32, allow_nan=False),
        "double": st.floats(width=32, allow_nan=False),
        "bytes": TEXT.map(str.encode),  # fastavro reads bytes as a string where the reader wants one
        "string": TEXT,
    }
    return draw(plain[kind])


@settings(max_examples=150)
@given(data=st.data(), pair=_pairs())
def test_what_we_call_readable_fastavro_reads(data: st.DataObject, pair: tuple[str, str]) -> None:
    """Where we find no obstacle between two versions, fastavro reads any record of the one by the other."""
    written, read = pair
    writer, reader = avro_parse.parse("w", written), avro_parse.parse("r", read)
    if [*wrong_defaults(writer), *wrong_defaults(reader)] or obstacles(writer, reader):
        return
    record = data.draw(_value(json.loads(written)))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(written)), record)
    out.seek(0)
    found = fastavro.schemaless_reader(
        out, fastavro.parse_schema(json.loads(written)), fastavro.parse_schema(json.loads(read))
    )
    assert isinstance(found, dict)
    assert set(found) == {field["name"] for field in json.loads(read)["fields"]}
    assert not out.read()
