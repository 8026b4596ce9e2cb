"""Every rule is judged as protovalidate judges it: those of the subset by code of their own, all others by itself."""

import re
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import ContractError
from codegen.proto import re2, rules_runtime
from tests_support.contracts.rules import Compiled, compiled, said_by_oracle

HEAD = 'syntax = "proto3";\npackage x.v1;\nimport "buf/validate/validate.proto";\n'
RULE = "(buf.validate.field)"
PART = f"""{HEAD}
message Part {{
  string name = 1 [{RULE}.string.min_len = 2];
}}
"""
PART_ONLY = PART.removeprefix(HEAD)
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
    ("text", "words", "values"),
    [
        (_one(f"{RULE}.string.email = true"), "f: string.email: true", ["a@b.c", "a"]),
        (_one(f'{RULE}.string.in = "a"'), 'f: string.in: "a"', ["a", "b"]),
        (_one(f'{RULE}.cel = {{id: "x", message: "no", expression: "this == \\"a\\""}}'), "f: cel: {", ["a", "b"]),
        (_one(f"{RULE}.double.gt = 1", "double"), "f: double.gt: 1.0", [0.5, 1.5]),
        (_one(f"{RULE} = {{ignore: IGNORE_ALWAYS, string: {{min_len: 3}}}}"), "f: ignore: 3", ["a"]),
        (_one(f"{RULE}.repeated.unique = true", "repeated string"), "f: repeated.unique: true", [["a"], ["a", "a"]]),
        (
            _one(f"{RULE}.repeated.items.string.email = true", "repeated string"),
            "f: repeated.items.string.email: true",
            [["a@b.c", "a"]],
        ),
        (_one(f"{RULE}.map.min_pairs = 1", "map<string, string>"), "f: map.min_pairs: 1", [{}, {"a": "b"}]),
        (
            _one(f"{RULE}.map.values.string.min_len = 2", "map<string, string>"),
            "f: map.values: { string { min_len: 2 } }",
            [{"k": "b"}],
        ),
        (_one(f"{RULE}.int32 = {{gt: 5, lt: 1}}", "int32"), "f: int32.lt: 1", [0, 3, 6]),
        (_one(f'{RULE}.string.pattern = "(?i)a"'), "f: string.pattern: '(?i)a'", ["A", "b"]),
    ],
)
def test_a_rule_that_is_not_compiled_is_judged_by_the_library(text: str, words: str, values: list[Any]) -> None:
    """A rule beyond the subset is told with its line, and the same function gives the library's verdict."""
    file = compiled({"x/v1/x.proto": text})
    [message] = file.messages
    assert message.reason.startswith(words)
    assert message.line == 6
    for value in values:
        made = type(file.message("x.v1.M", b""))(f=value)
        assert file.said_by_rules("x/v1/x.proto", "m", made) == said_by_oracle(made)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('option (buf.validate.message).cel = {id: "x", expression: "false"};', "cel: {"),
        ('option (buf.validate.message).oneof = {fields: ["a"], required: true}; string a = 1;', "oneof: {"),
        ("oneof o { option (buf.validate.oneof).required = true; string a = 1; }", "oneof o: required: true"),
        (f"map<string, P> m = 1; message P {{ string a = 1 [{RULE}.required = true]; }}", "m is a map of messages"),
    ],
)
def test_rules_of_other_kinds_are_judged_by_the_library_too(body: str, words: str) -> None:
    """Rules on messages, on oneofs and inside maps are found, told with their line, and kept."""
    file = compiled({"x.proto": f"{HEAD}message M {{\n  {body}\n}}\n"})
    [message] = [each for each in file.messages if each.name == "M"]
    assert message.reason.startswith(words)
    assert message.line
    made = type(file.message("x.v1.M", b""))()
    if words.startswith("m is"):
        made.m["k"].a = ""
    verdict = file.said_by_rules("x.proto", "m", made)
    assert verdict == said_by_oracle(made)
    assert verdict


def test_a_compiled_message_holds_one_of_the_library() -> None:
    """What the library says of a message within is told with the path from outside, also of the message as a whole."""
    inner = 'message P { option (buf.validate.message).cel = {id: "x", expression: "false"}; }'
    file = compiled({"x.proto": f"{HEAD}message M {{ P p = 1; string a = 2 [{RULE}.string.min_len = 1]; }}\n{inner}\n"})
    assert [each.reason != "" for each in file.messages] == [False, True]
    made = type(file.message("x.v1.M", b""))(p={})
    assert file.said_by_rules("x.proto", "m", made) == said_by_oracle(made) == [("a", "string.min_len"), ("p", "x")]


def test_a_rule_of_another_type_is_refused() -> None:
    """An annotation that no validator could take stops the generation with its file, line and field."""
    with pytest.raises(ContractError) as refused:
        compiled({"x/v1/x.proto": _one(f"{RULE}.int32.gt = 5")})
    assert str(refused.value).startswith("proto/x/v1/x.proto: line 6, x.v1.M.f: int32 rules on a field of type string")


def test_without_the_library_its_messages_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where protovalidate is missing, a message that needs it says so; one that is compiled does not mind."""
    file = compiled({"x.proto": f"{HEAD}message M {{ string f = 1 [{RULE}.string.email = true]; }}\n{PART_ONLY}"})
    monkeypatch.setitem(sys.modules, "protovalidate", None)
    rules_runtime._library.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=r"x\.v1\.M has rules that need the package protovalidate"):
        file.said_by_rules("x.proto", "m", file.message("x.v1.M", b""))
    assert file.said_by_rules("x.proto", "part", file.message("x.v1.Part", b"")) == [("name", "string.min_len")]


MIN_2, MIN_3 = (f"[{RULE}.string.min_len = {n}]" for n in (2, 3))


@pytest.mark.parametrize(
    "body",
    [
        f"message len {{ string a = 1 {MIN_2}; }}",
        f"message import {{ string a = 1 {MIN_2}; }}",
        f"message Add {{ string a = 1 {MIN_2}; }} message AddFields {{ string a = 1 {MIN_3}; }}",
        f"message FooBar {{ string a = 1 {MIN_2}; }} message Foo_Bar {{ string a = 1 {MIN_3}; }}",
        f"message User {{ string name_a = 1 {MIN_2}; }} message UserName {{ string a = 1 {MIN_3}; }}",
        f"message M {{ string a = 1 {MIN_2}; string a_min = 2 [{RULE}.string.len = 3]; }}",
        f"message M {{ string M_A_MIN_LEN = 1 [{RULE}.string.max_len = 3]; string a = 2 {MIN_2}; }}",
    ],
)
def test_names_that_meet_in_python_keep_their_rules(body: str) -> None:
    """Messages and fields may have any names: each keeps its own function and limits."""
    file = compiled({"x.proto": f"{HEAD}{body}\n"})
    for message in file.messages:
        for length in range(5):
            made = file.message(message.full_name, b"")
            for field in message.fields:
                setattr(made, field.name, "x" * length)
            assert file.said_by_rules("x.proto", file.functions[message.full_name], made) == said_by_oracle(made)


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
