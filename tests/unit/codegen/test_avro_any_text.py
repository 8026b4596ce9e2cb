"""Whatever the text, the outcome is a schema whose code compiles, or a finding that says where and what."""

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.avro import parse as avro_parse
from codegen.avro import types as avro_types
from codegen.avro.defaults import wrong_defaults
from codegen.errors import ContractError
from tests_support.contracts.avro_modules import EVERYTHING

_WORDS = sorted(set(re.findall(r"[\w.]+", EVERYTHING)))
_TEXTS = st.one_of(st.sampled_from(_WORDS), st.text(max_size=8))
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=12,
)
_FRAGMENTS = st.sampled_from(
    [
        "NaN",
        "1e400",
        '"\\ud83d"',
        '"\\u0000"',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        "\0",
        "\n",
        '"type":"int",',
        "[" * 300,
    ]
)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of every value inside a tree."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    for each in waiting:  # grows while it is walked
        keys = list(each) if isinstance(each, dict) else list(range(len(each))) if isinstance(each, list) else []
        found += [(each, key) for key in keys]
        waiting += [each[key] for key in keys]
    return found


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """Draw the text of a valid schema in which some values are others, and then some characters."""
    tree = json.loads(EVERYTHING)
    for _ in range(draw(st.integers(0, 3))):
        places = _places(tree)
        container, key = places[draw(st.integers(0, len(places) - 1))]
        if draw(st.booleans()):
            container[key] = draw(_VALUES)
        else:
            del container[key]
    text = json.dumps(tree, indent=draw(st.sampled_from([None, 1])))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.one_of(_FRAGMENTS, st.text(max_size=3))) + text[at + draw(st.integers(0, 3)) :]
    return text


@settings(max_examples=200, deadline=None)
@given(st.one_of(_texts(), st.text(max_size=40), _VALUES.map(json.dumps)))
def test_any_text_is_a_schema_whose_code_compiles_or_a_finding_with_its_place(text: str) -> None:
    """No text ends in a traceback: it becomes code that compiles, or one finding with its file and its place."""
    found: ContractError | None = None
    try:
        schema = avro_parse.parse("avro/x.avsc", text)
        list(wrong_defaults(schema))
        compile(avro_types.module_text(schema, "# any"), "x.py", "exec")
    except ContractError as error:
        found = error
    if found is not None:
        assert (found.file, bool(found.line or found.place), bool(found.problem)) == ("avro/x.avsc", True, True)
        str(found).encode()  # what a terminal or a log is to show
