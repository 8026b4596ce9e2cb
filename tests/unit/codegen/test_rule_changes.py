"""Each change of a buf.validate rule has a verdict: whom the new rule refuses that the old one took, or the reverse."""

import pytest

from codegen.proto.compiler import descriptors_of
from codegen.proto.rule_changes import RuleChange, changes

FILE = "shop/v1/order.proto"
HEAD = """\
syntax = "proto3";
package shop.v1;
import "buf/validate/validate.proto";
import "google/protobuf/duration.proto";
enum Colour {
  COLOUR_UNSPECIFIED = 0;
  COLOUR_RED = 1;
}
"""


def between(old: str, new: str) -> tuple[RuleChange, ...]:
    """Return the changes between two bodies of one message."""
    before, after = (descriptors_of({FILE: f"{HEAD}message Order {{\n{body}\n}}\n"}, FILE) for body in (old, new))
    return changes(FILE, before, after)


def field(kind: str, rule: str) -> str:
    return f"{kind} x = 1{f' [(buf.validate.field){rule}]' if rule else ''};"


REFUSES, TAKES, BOTH, NOBODY_CAN_TELL = (
    (True, False, True),
    (False, True, True),
    (True, True, True),
    (True, True, False),
)


@pytest.mark.parametrize(
    ("kind", "old", "new", "verdict", "words"),
    [
        ("string", ".string.max_len = 64", ".string.max_len = 8", REFUSES, "string.max_len 64 -> string.max_len 8"),
        ("string", ".string.max_len = 8", ".string.max_len = 64", TAKES, "string.max_len 8 -> string.max_len 64"),
        ("string", "", ".string.max_len = 8", REFUSES, "string.max_len 8 is new"),
        ("string", ".string.max_len = 8", "", TAKES, "string.max_len 8 is gone"),
        ("string", ".string.min_len = 1", ".string.min_len = 2", REFUSES, "string.min_len 1 -> string.min_len 2"),
        ("string", ".string = {min_len: 8, max_len: 8}", ".string.len = 8", None, ""),
        ("string", ".required = false", ".required = true", REFUSES, "required is new"),
        ("string", ".required = true", "", TAKES, "required is gone"),
        ("string", ".string.uuid = true", "", TAKES, "string.uuid is gone"),
        (
            "string",
            '.string.pattern = "a"',
            '.string.pattern = "b"',
            NOBODY_CAN_TELL,
            "string.pattern a -> string.pattern b",
        ),
        ("string", "", '.string.pattern = "a"', REFUSES, "string.pattern a is new"),
        (
            "string",
            '.string.prefix = "a"',
            '.string.prefix = "b"',
            NOBODY_CAN_TELL,
            "string.prefix a -> string.prefix b",
        ),
        ("string", '.string = {in: ["a", "b"]}', '.string = {in: ["a"]}', REFUSES, "string.in [a, b] -> string.in [a]"),
        ("string", '.string = {in: ["a"]}', '.string = {in: ["a", "b"]}', TAKES, "string.in [a] -> string.in [a, b]"),
        ("string", '.string = {in: ["a"]}', '.string = {in: ["b"]}', BOTH, "string.in [a] -> string.in [b]"),
        ("string", '.string = {in: ["a"]}', '.string.const = "a"', None, ""),
        ("string", '.string.const = "a"', '.string.const = "b"', BOTH, "string.const a -> string.const b"),
        ("string", "", '.string = {not_in: ["a"]}', REFUSES, "string.not_in [a] is new"),
        ("int32", ".int32.lte = 1000", ".int32.lte = 10", REFUSES, "int32.lte 1000 -> int32.lte 10"),
        ("int32", ".int32.lte = 1000", ".int32.lt = 1001", None, ""),
        ("int32", ".int32.gt = 0", ".int32.gte = 0", TAKES, "int32.gt 0 -> int32.gte 0"),
        ("double", ".double.gt = 0", ".double.gte = 0", TAKES, "double.gt 0.0 -> double.gte 0.0"),
        ("double", ".double.lte = 1", ".double.lt = 1", REFUSES, "double.lte 1.0 -> double.lt 1.0"),
        ("int32", ".int32 = {gt: 9, lt: 1}", ".int32 = {gt: 8, lt: 1}", NOBODY_CAN_TELL, "int32.gt 9 and int32.lt 1"),
        ("bool", "", ".bool.const = false", REFUSES, "bool.const False is new"),
        ("repeated string", ".repeated.max_items = 9", ".repeated.max_items = 3", REFUSES, "max_items 9 -> repeated"),
        (
            "repeated string",
            "",
            ".repeated.items.string.min_len = 1",
            REFUSES,
            "repeated.items.string.min_len 1 is new",
        ),
        ("map<string, string>", ".map.keys.string.max_len = 9", "", TAKES, "map.keys.string.max_len 9 is gone"),
        ("google.protobuf.Duration", ".duration.lte.seconds = 9", ".duration.lte.seconds = 3", REFUSES, "9.0 -> "),
        ("Colour", "", ".enum.defined_only = true", REFUSES, "enum.defined_only is new"),
        (
            "string",
            ".string.uuid = true",
            ".string.uuid = true, (buf.validate.field).ignore = IGNORE_ALWAYS",
            TAKES,
            "ign",
        ),
        ("string", "", '.cel = {id: "a", expression: "true"}', REFUSES, "cel `a` true is new"),
        (
            "string",
            '.cel = {id: "a", expression: "this != \'\'"}',
            '.cel = {id: "a", expression: "true"}',
            NOBODY_CAN_TELL,
            "cel `a`",
        ),
        ("string", ".string.example = 'a'", "", None, ""),
    ],
)
def test_each_change_of_a_rule_has_its_verdict(
    kind: str, old: str, new: str, verdict: tuple[bool, bool, bool] | None, words: str
) -> None:
    """A rule that is new, gone, tighter or looser is said to refuse, to take more, both, or not to be known."""
    found = between(field(kind, old), field(kind, new))
    assert [(each.place, each.refuses, each.takes, each.sure) for each in found] == (
        [("shop.v1.Order.x", *verdict)] if verdict else []
    )
    assert all(words in each.words for each in found)


@pytest.mark.parametrize(
    ("body", "refuses", "sure"),
    [
        (field("string", ".required = true"), True, True),
        (field("string", ".string.min_len = 1"), True, True),
        (field("string", ".string.max_len = 8"), False, True),
        (field("string", ".string.uuid = true"), True, False),
        (field("optional string", ".string.uuid = true"), False, True),
        (field("string", ".string.uuid = true, (buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE"), False, True),
        (field("int32", ".int32.gte = 1"), True, True),
        (field("int32", ".int32 = {gte: 0, lte: 9}"), False, True),
        (field("int32", ".int32.lt = 0"), True, True),
        (field("int32", ".int32 = {in: [1, 2]}"), True, True),
        (field("int32", ".int32 = {in: [0, 2]}"), False, True),
        (field("repeated string", ".repeated.items.string.min_len = 1"), False, True),
        (field("repeated string", ".repeated.min_items = 1"), True, True),
        (field("Order", ".required = true"), True, True),
    ],
)
def test_a_new_field_with_a_rule_refuses_callers_who_do_not_know_it(body: str, refuses: bool, sure: bool) -> None:
    """A field that is new refuses old callers when its rule does not hold for what they send in it: nothing."""
    found = between("string y = 2;", f"string y = 2;\n{body}")
    assert [(each.refuses, each.takes, each.sure) for each in found] == ([(True, False, sure)] if refuses else [])


def test_rules_of_messages_and_oneofs_count_and_those_of_new_messages_refuse_nobody() -> None:
    """A rule on a message or a oneof is compared; a message that is new has no old callers."""
    oneof = "oneof way {%s\n  string a = 1;\n  string b = 2;\n}"
    (found,) = between(oneof % "", oneof % "option (buf.validate.oneof).required = true;")
    assert (found.place, found.words, found.refuses) == ("shop.v1.Order.way", "required is new", True)
    rule = 'option (buf.validate.message).cel = {id: "a", expression: "true"};'
    (found,) = between("string x = 1;", f"{rule}\nstring x = 1;")
    assert (found.place, found.refuses) == ("shop.v1.Order", True)
    assert between("", "message New {\n  string x = 1 [(buf.validate.field).required = true];\n}") == ()


def test_rules_by_an_import_for_options_alone_have_a_verdict_as_well() -> None:
    """What edition 2024 writes as `import option` is compared as what `import` brings."""
    head = 'edition = "2024";\npackage shop.v1;\nimport option "buf/validate/validate.proto";\n'
    before, after = (
        descriptors_of({FILE: f"{head}message Order {{ {field('string', f'.string.max_len = {most}')} }}"}, FILE)
        for most in (64, 8)
    )
    assert [each.words for each in changes(FILE, before, after)] == ["string.max_len 64 -> string.max_len 8"]
