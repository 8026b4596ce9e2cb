"""Lint tells everything at once, asks for the rules that were chosen, and says what the other commands say."""

import json

import pytest

from codegen.avro.rules import GROUPS
from tests_support.contracts.small_contracts import COUNT, ID, Run, SmallContracts

RECORD = '{"type": "record", "name": "Order", "namespace": "tests.v1",\n "fields": [%s]}'
FIELD = '{"name": "f", "type": "double", %s}'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (RECORD % (FIELD % r'"doc": "\ud83d"'), "line 2, $.fields[0].doc"),
        (RECORD % (FIELD % r'"doc": "a\u0000b"'), "line 2, $.fields[0].doc"),
        (RECORD % (FIELD % '"default": NaN'), "line 2, $.fields[0].default"),
        (RECORD % (FIELD % '"default": -Infinity'), "line 2, $.fields[0].default"),
        (RECORD % (FIELD % '"default": 1e400'), "line 2, $.fields[0].default"),
        (RECORD % (FIELD % '"doc": "a", "doc": "b"'), "line 2, $.fields[0].doc"),
        (RECORD % (FIELD % '"type": "int"'), "line 2, $.fields[0].type"),
    ],
)
def test_a_text_that_python_lets_pass_is_one_finding_for_every_command(
    run: Run, small: SmallContracts, text: str, place: str
) -> None:
    """Half characters, NUL, numbers that are none and doubled keys get one sentence with file, line and path."""
    (small.root / "avro" / "order.avsc").write_text(text)
    sentences = []
    for command in (("lint",), ("generate",), ("plan", "--offline")):
        code, said = run(*command)
        assert code == 1, said
        (sentence,) = [line for line in said.splitlines() if "avro/order.avsc" in line]
        sentences.append(sentence.removeprefix("codegen: "))
    assert sentences == [sentences[0]] * 3
    assert sentences[0].startswith(f"avro/order.avsc: {place}: ")


def test_everything_that_is_wrong_is_told_at_once(run: Run, small: SmallContracts) -> None:
    """Broken files of every kind, broken rules and formats stand in one list, as text and as JSON."""
    (small.root / "avro" / "a.avsc").write_text("{")
    (small.root / "avro" / "b.avsc").write_bytes(b'{"type":\n"\xff"}')
    (small.root / "avro" / "c.avsc").write_text('{"type": "record", "name": "C", "fields": [], "aliases": 1}')
    (small.root / "topics" / "t.yaml").write_text("topic: t\n")
    proto = small.root / "proto" / "shop" / "v1" / "other.proto"
    proto.write_text('syntax = "proto3";\npackage shop.v1;\nmessage  bad_name {}\n')
    code, said = run("lint", "--json")
    found = json.loads(said)["findings"]
    assert code == 1
    assert {(one["file"], one["line"], one["rule"]) for one in found} >= {
        ("avro/a.avsc", 1, "json"),
        ("avro/b.avsc", 2, "utf-8"),
        ("avro/c.avsc", 1, "avro-aliases"),
        ("topics/t.yaml", 1, "topic-key"),
        ("proto/shop/v1/other.proto", 3, "MESSAGE_PASCAL_CASE"),
        ("proto/shop/v1/other.proto", 0, "format"),
    }
    code, text = run("lint")
    assert all(f"{one['file']}: " in text and one["problem"] in text for one in found)
    assert (code, f"{len(found)} findings in contracts" in text) == (1, True)
    code, said = run("generate")
    assert (code, said.count("avro/")) == (1, 3)


def test_the_rules_for_avro_are_those_that_codegen_yaml_chooses(run: Run, small: SmallContracts) -> None:
    """Without `lint:` nothing is asked beyond validity; each group asks for its own; notes never fail."""
    ignored = {"name": "Ignored", "type": {"type": "long", "logicalType": "our-own"}}
    small.set_fields(ID, COUNT, ignored)
    (topic,) = (small.root / "topics").glob("*.yaml")
    topic.write_text(topic.read_text().replace("value:\n", "value:\n  width_bytes: 9\n"))
    project = small.root / "codegen.yaml"

    def rules() -> set[tuple[str, str]]:
        found = json.loads(run("lint", "--json")[1])["findings"]
        return {(one["rule"], one["severity"]) for one in found if one["file"].startswith("avro/")}

    note = ("avro-logical-type", "note")
    assert rules() == {note}
    expected = {
        "names": {note, ("avro-field-case", "error")},
        "docs": {note, ("avro-record-doc", "error"), ("avro-field-doc", "error")},
        "widths": {note, ("topic-width", "error")},
        "logical-types": {("avro-logical-type", "error")},
    }
    assert set(expected) == set(GROUPS)
    for group, wanted in expected.items():
        project.write_text(f"lint: {{avro: [{group}]}}\n")
        assert rules() == wanted
    project.write_text("lint: {avro: [nams]}\n")
    code, said = run("lint")
    assert (code, "codegen.yaml: lint.avro: is ['nams']; allowed is a list of names, docs" in said) == (1, True)
