"""Every rule of the subset is judged as protovalidate judges it; every other one stops the generation."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import ContractError
from codegen.proto import re2
from tests_support.contracts.rules import Compiled, compiled, said_by_oracle

HEAD = 'syntax = "proto3";\npackage x.v1;\nimport "buf/validate/validate.proto";\n'
RULE = "(buf.validate.field)"
PART = f"""{HEAD}
message Part {{
  string name = 1 [{RULE}.string.min_len = 2];
}}
"""
EVERY = f"""{HEAD}import "x/v1/part.proto";
message Every {{
  string uuid = 1 [{RULE}.string.uuid = true];
  string text = 2 [{RULE}.string = {{min_len: 1, max_len: 3, max_bytes: 5}}];
  string fixed = 3 [{RULE}.string.len = 2, {RULE}.ignore = IGNORE_IF_ZERO_VALUE];
  optional string maybe = 4 [{RULE}.string = {{min_bytes: 2, prefix: "é", suffix: "!"}}];
  string wanted = 5 [{RULE}.required = true, {RULE}.string.pattern = "^a+$"];
  bytes raw = 6 [{RULE}.bytes = {{min_len: 1, max_len: 2}}];
  int32 small = 7 [{RULE}.int32 = {{gt: -2, lte: 2}}];
  uint64 big = 8 [{RULE}.uint64.gte = 1];
  optional sint64 less = 9 [{RULE}.sint64.lt = 0];
  repeated string items = 10 [{RULE}.repeated = {{
    min_items: 1, max_items: 2, items: {{string: {{pattern: "b", len: 2}}}}
  }}];
  Part part = 11 [{RULE}.required = true];
  repeated Part parts = 12;
  oneof choice {{
    string left = 13 [{RULE}.string.uuid = true];
    int32 right = 14 [{RULE}.int32 = {{gte: 1, lt: 3}}];
  }}
  string len = 15 [{RULE}.string.max_len = 1];
  string from = 16 [{RULE}.string.max_len = 1];
  string free = 17;
}}
"""
texts = st.text(alphabet="aéb!\n", max_size=5)
small = st.integers(-4, 4)
part = st.fixed_dictionaries({}, optional={"name": texts})
every = st.fixed_dictionaries(
    {},
    optional={
        "uuid": st.one_of(texts, st.uuids().map(str)),
        "text": texts,
        "fixed": texts,
        "maybe": st.one_of(texts, texts.map(lambda text: f"é{text}!")),
        "wanted": texts,
        "raw": st.binary(max_size=3),
        "small": small,
        "big": st.integers(0, 2),
        "less": small,
        "items": st.lists(texts, max_size=3),
        "part": part,
        "parts": st.lists(part, max_size=2),
        "len": texts,
        "from": texts,
        "free": texts,
    },
)
choices = st.one_of(*(st.fixed_dictionaries(each) for each in ({}, {"left": texts}, {"right": small})))


@pytest.fixture(scope="module")
def files() -> Compiled:
    """Return the two files above, compiled once."""
    return compiled({"x/v1/part.proto": PART, "x/v1/every.proto": EVERY})


@settings(max_examples=150, deadline=None)
@given(values=every, choice=choices)
def test_no_message_is_judged_otherwise_than_by_protovalidate(
    files: Compiled, values: dict[str, Any], choice: dict[str, Any]
) -> None:
    """For any message the compiled rules report the same violations as protovalidate."""
    message = files.message("x.v1.Every", b"")
    made = type(message)(**values, **choice)
    assert files.said_by_rules("x/v1/every.proto", "every", made) == said_by_oracle(made)


def _one(option: str, kind: str = "string") -> str:
    return f"{HEAD}message M {{\n  // A comment.\n  {kind} f = 1 [{option}];\n}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            _one(f"{RULE}.string.email = true"),
            "string.email is not compiled to Python; supported are required",
        ),
        (_one(f'{RULE}.string.in = "a"'), "string.in"),
        (_one(f'{RULE}.cel = {{id: "x", expression: "true"}}'), "cel"),
        (_one(f"{RULE}.double.gt = 1", "double"), "double"),
        (_one(f"{RULE}.ignore = IGNORE_ALWAYS"), "ignore"),
        (_one(f"{RULE}.repeated.unique = true", "repeated string"), "repeated.unique"),
        (_one(f"{RULE}.map.min_pairs = 1", "map<string, string>"), "a rule on a map"),
        (_one(f"{RULE}.int32 = {{gt: 5, lt: 1}}", "int32"), "not below the upper bound"),
        (_one(f"{RULE}.int32.gt = 5"), "int32 rules on a field of type string"),
        (_one(f'{RULE}.string.pattern = "(?i)a"'), "a group with a flag"),
    ],
)
def test_what_is_not_compiled_is_told_with_file_and_line(text: str, words: str) -> None:
    """A field rule outside the supported subset stops the generation with its file, line and field."""
    with pytest.raises(ContractError) as refused:
        compiled({"x/v1/x.proto": text})
    assert words in str(refused.value)
    assert str(refused.value).startswith("proto/x/v1/x.proto: line 6, x.v1.M.f: ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('option (buf.validate.message).cel = {id: "x", expression: "true"};', "(buf.validate.message).cel"),
        ("oneof o { option (buf.validate.oneof).required = true; string a = 1; }", "(buf.validate.oneof).required"),
        (f"map<string, P> m = 1; message P {{ string a = 1 [{RULE}.required = true]; }}", "a map of messages"),
    ],
)
def test_rules_of_other_kinds_are_told_too(body: str, words: str) -> None:
    """Rules on messages and oneofs, and rules inside maps, stop the generation with their line."""
    with pytest.raises(ContractError) as refused:
        compiled({"x.proto": f"{HEAD}message M {{\n  {body}\n}}\n"})
    assert words in str(refused.value)
    assert "line " in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "python"),
    [("^a+$", r"\Aa+\Z"), (r"a\.b", r"a\.b"), ("^(a|b)$", r"\A(?:a|b)\Z"), (r"^\d{2,3}", r"\A\d{2,3}")],
)
def test_a_pattern_means_the_same_in_python(pattern: str, python: str) -> None:
    """A supported RE2 pattern is translated so that Python's anchors and groups mean the same."""
    assert re2.to_python(pattern) == python
    assert re.compile(python)


@pytest.mark.parametrize(
    "pattern",
    ["^(a+)+$", "^(a|aa)+$", "a*b", "^a*a*$", "(?i)a", "(?P<n>a)", r"\bx", r"\s", r"\p{L}", "a**", "a+?", "a{2000}",
     "a{3,1}", "^a|b$", "(", ")", "[", "[é]", "[[:alpha:]]", "a{", "x$y", "a^", "^(a?){9}$", "\\"],
)  # fmt: skip
def test_a_pattern_that_could_differ_or_be_slow_is_refused(pattern: str) -> None:
    """A pattern that Python reads differently, or could backtrack on, is refused."""
    with pytest.raises(re2.PatternError):
        re2.to_python(pattern)
