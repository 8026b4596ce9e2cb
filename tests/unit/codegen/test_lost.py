"""What registry and Kafka have, the lock remembers and the contracts lost stops a plan; what is not there does not."""

from dataclasses import replace
from typing import cast

import pytest

from codegen.errors import BreakingError
from codegen.plan.changes import exit_code, line, plan
from codegen.plan.judge import OldVersion
from codegen.plan.lost import lost as lost_of
from codegen.plan.terms import Wanted, WantedSubject
from codegen.plan.was import NOTHING, Was, WasSubject
from codegen.remote.kafka_admin import KafkaAdmin
from codegen.remote.publish import Publisher
from tests_support.contracts.publishing_world import SUBJECT, TEXT, TOPIC, WANTED, World

REMEMBERED = Was({"s-value": WasSubject("AVRO", (OldVersion("v1", TEXT),), "FULL", "")}, {"t": ("s-value",)})
NONE_LEFT = Wanted((), ())


def said(world: World, wanted: Wanted, remembered: Was = REMEMBERED, *, kafka: bool = True) -> tuple[int, list[str]]:
    """Return a plan's exit code and its lines."""
    admin = cast(KafkaAdmin, world.kafka) if kafka else None
    publisher = Publisher(world.http, admin, world.clock, 60.0, world.said.append, remembered=remembered)
    changes = publisher.survey(wanted).changes
    return exit_code(changes), [each.partition("\n")[0] for each in map(line, changes)]


def test_a_topic_and_its_subject_that_no_contract_wants_are_deletions_that_stop_a_publication() -> None:
    """What the lock remembers, and registry and Kafka have, is told with whom it breaks, and nothing is published."""
    world = World()
    world.publish()
    code, lines = said(world, NONE_LEFT)
    assert code == 3
    assert lines == [
        "DELETE  topic t: is in no contract any more",
        "DELETE  subject s-value: is in no contract any more",
    ]
    publisher = Publisher(
        world.http, cast(KafkaAdmin, world.kafka), world.clock, 60.0, world.said.append, remembered=REMEMBERED
    )
    with pytest.raises(BreakingError, match="subject s-value: programs on v1 look it up by this name"):
        publisher.publish(NONE_LEFT)


def test_what_a_registry_or_kafka_never_had_is_no_loss_there() -> None:
    """A subject that was published elsewhere only, and a topic of a Kafka that is not asked, give no line."""
    world = World()
    assert said(world, NONE_LEFT) == (0, [])
    world.publish()
    assert said(world, NONE_LEFT, kafka=False)[1] == ["DELETE  subject s-value: is in no contract any more"]
    assert said(world, NONE_LEFT, NOTHING) == (0, [])


def test_another_subject_for_the_same_schema_is_a_rename() -> None:
    """A new subject with the schema of one that is gone is told as its new name."""
    world = World()
    world.publish()
    renamed = Wanted((replace(SUBJECT, subject="other"),), (replace(TOPIC, name="u", subjects=("other",)),))
    code, lines = said(world, renamed)
    assert code == 3
    assert {"RENAME  topic t: is u now", "RENAME  subject s-value: is other now"} < set(lines)


@pytest.mark.parametrize("remembered", [REMEMBERED, NOTHING])
def test_a_level_that_promises_less_than_the_released_one_stops_the_plan(remembered: Was) -> None:
    """Lowering a level is breaking by the lock, and without one by the registry's own level."""
    world = World()
    world.publish()
    lowered = Wanted((replace(SUBJECT, level="NONE"),), (TOPIC,))
    code, lines = said(world, lowered, remembered)
    assert code == 3
    assert "CONFIG  level s-value: FULL -> NONE" in lines
    assert said(world, replace(lowered, retired={"level s-value": "why"}), remembered)[0] == 2


def test_a_level_that_somebody_raised_in_the_registry_is_set_back() -> None:
    """When the contracts never promised more, the registry's higher level is a difference and no loss."""
    world = World()
    world.publish()
    world.registry.levels["s-value"] = "FULL_TRANSITIVE"
    assert said(world, WANTED)[0] == 2


def test_a_retired_topic_retires_its_subject_and_may_be_pruned() -> None:
    """One entry for a topic lets its subject go as well, and --prune-prefix then deletes it."""
    world = World()
    world.publish()
    retired = Wanted((), (), retired={"topic t": "retired on 2026-12-01: why"})
    assert said(world, retired) == (
        0,
        [
            "NOOP    topic t: is in no contract any more; retired on 2026-12-01: why",
            "NOOP    subject s-value: is in no contract any more; retired on 2026-12-01: why",
        ],
    )
    publisher = Publisher(
        world.http, cast(KafkaAdmin, world.kafka), world.clock, 60.0, world.said.append, remembered=REMEMBERED
    )
    publisher.publish(retired, prune_prefix="s-")
    assert not world.registry.subjects


def test_a_loss_is_part_of_a_saved_plan() -> None:
    """A plan that was made while something was lost stays breaking when it is read again."""
    world = World()
    world.publish()
    survey = Publisher(
        world.http, cast(KafkaAdmin, world.kafka), world.clock, 60.0, world.said.append, remembered=REMEMBERED
    ).survey(NONE_LEFT)
    assert exit_code(plan(survey.wanted, survey.found, survey.opinions)) == 3


@pytest.mark.parametrize(
    ("length", "code", "words"),
    [
        (8, 3, "callers on v1 are refused by this version: `a.M.x`: string.max_len 64 -> string.max_len 8"),
        (256, 0, "note: this version takes what v1 refuses"),
        (64, 0, ""),
    ],
)
def test_rules_are_compared_on_a_registry_that_is_blind_to_them(length: int, code: int, words: str) -> None:
    """Where a registry takes other rules for the same schema, they have their verdict all the same."""

    def ruled(n: int) -> str:
        rule = f"/* [(buf.validate.field).string.max_len = {n}] */"
        head = 'syntax = "proto3";\npackage a;\n/* import "buf/validate/validate.proto"; */\n'
        return f"{head}message M {{\n  string x = 1 {rule};\n}}\n"

    world = World()
    world.registry.confused = True
    world.registry.subjects["a.proto"] = [ruled(64)]
    world.registry.kinds["a.proto"] = "PROTOBUF"
    world.registry.levels["a.proto"] = "BACKWARD"
    wanted = WantedSubject("a.proto", "PROTOBUF", ruled(length), "f", "BACKWARD", (), "Protobuf a", owned=True)
    changes = Publisher(world.http, None, world.clock, 60.0, world.said.append).survey(Wanted((wanted,), ())).changes
    assert exit_code(changes) == code
    assert words in "\n".join(map(line, changes))
    assert ("has other rules than version 1" in "\n".join(map(line, changes))) == bool(words)


def test_a_message_that_moves_to_another_file_moves_as_it_is() -> None:
    """What a file held and another one holds now is the same there, or the plan stops: no verdict compares the two."""

    def wanted(*bodies: str) -> Wanted:
        texts = {path: f'syntax = "proto3";\npackage a;\n{body}\n' for path, body in zip("ab", bodies, strict=True)}
        return Wanted(
            tuple(
                WantedSubject(
                    f"{path}.proto", "PROTOBUF", text, text, "BACKWARD_TRANSITIVE", (), "Protobuf a", owned=True
                )
                for path, text in texts.items()
            ),
            (),
        )

    def released(*versions: Wanted) -> Was:
        return Was(
            {
                each[0].subject: WasSubject(
                    "PROTOBUF",
                    tuple(OldVersion(f"v{i}", one.text) for i, one in enumerate(each, 1)),
                    "BACKWARD_TRANSITIVE",
                    each[0].subject,
                )
                for each in zip(*(version.subjects for version in versions), strict=True)
            }
        )

    before = wanted("message A {} message Order { string id = 1; string note = 2; }", "message B {}")
    moved = wanted("message A {}", "message B {} message Order { string id = 1; string note = 2; }")
    changed = wanted("message A {}", "message B {} message Order { string id = 1; }")
    assert not lost_of(released(before), moved)
    [said] = lost_of(released(before), changed)
    assert (said.name, said.sentence) == ("message a.Order", "is in b.proto now, and not as it was in v1")
    assert "move it as it is and change it afterwards" in said.objections[0]
    [meant] = lost_of(released(before), replace(changed, retired={"message a.Order": "2026-01-01 nobody has it"}))
    assert not meant.objections
    assert not lost_of(released(before, moved), changed)  # the file's own history is asked
