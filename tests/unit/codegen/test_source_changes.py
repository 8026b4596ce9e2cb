"""A plan says where another version of a record makes callers change their code, and only there."""

import pytest

from codegen.avro import parse as avro_parse
from codegen.avro.source_changes import source_changes
from codegen.plan.judge import OldVersion, notes
from codegen.plan.terms import WantedSubject
from tests_support.contracts.avro_changes import decimal, enum, field, record

X = field("x", "int")
INNER = {"type": "record", "name": "Inner", "fields": [X]}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (record(X), record(X, field("y", "int")), ["`R(...)` wants `y` from now on: pass it wherever one is made"]),
        (record(X), record(X, field("y", "int", default=0)), []),
        (record(X), record(X, field("y", ["null", "string"], default=None)), []),
        (record(X), record(X, field("y", "bytes", default="\u00ff")), []),
        (record(X), record(X, field("y", decimal(4, 2), default="\u0001")), []),
        (record(X), record(X, field("y", {"type": "fixed", "name": "F", "size": 1}, default="a")), []),
        (record(X), record(X, field("y", enum("RED"), default="RED")), []),
        (record(X), record(X, field("y", {"type": "map", "values": "int"}, default={"a": 1})), []),
        (record(X), record(X, field("y", INNER, default={"x": 1})), []),
        (record(X, field("y", "int", default=0)), record(X, field("y", "int")), ["`R(...)` wants `y` from now on"]),
        (record(X, field("y", "int")), record(X), ["`R` has no `y` any more: take it out where one is made or read"]),
        (record(X), record(X, name="S"), ["the class `R` is called `S`: import it by that name"]),
        (
            record(field("i", INNER)),
            record(field("i", {**INNER, "fields": [X, field("z", "int")]})),
            ["`Inner(...)` wants `z` from now on"],
        ),
    ],
)
def test_a_version_tells_callers_what_to_change_and_a_default_spares_them(old: str, new: str, said: list[str]) -> None:
    """A field without a default, one that is gone, or another class's name is told; a new one with a default is not."""
    found = list(source_changes(avro_parse.parse("old.avsc", old), avro_parse.parse("new.avsc", new)))
    assert len(found) == len(said)
    for sentence, words in zip(found, said, strict=True):
        assert sentence.startswith(words)


def test_a_source_change_is_a_note_of_the_plan_that_stops_nobody() -> None:
    """The sentence is one of the notes of a version, whatever the level says to it."""
    new = record(X, field("y", "int"))
    wanted = WantedSubject("s", "AVRO", new, "", "FORWARD", (), "", owned=True)
    (note,) = notes(wanted, OldVersion("v1", record(X)), "v2")
    assert note == "source change: `R(...)` wants `y` from now on: pass it wherever one is made"
