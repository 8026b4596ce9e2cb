"""Publishing waits within one deadline, tells failures apart, stops before harm, and verifies."""

from pathlib import Path

import httpx
import pytest

from codegen.errors import BreakingError, CodegenError, DriftError, UnreachableError
from codegen.plan.file import load, save
from codegen.plan.terms import FoundTopic, Reference, Wanted, WantedSubject
from codegen.remote.kafka_admin import KafkaNotReady
from tests_support.contracts.publishing_world import OLD_FIELD, TEXT, World


def test_an_empty_world_gets_everything_and_a_second_run_has_nothing_to_do() -> None:
    """Publishing to an empty registry and Kafka creates everything, and a second run changes nothing."""
    world = World()
    assert world.publish() == 2
    assert world.registry.levels == {"s-value": "FULL"}
    assert list(world.registry.subjects) == ["s-value"]
    assert world.kafka.topics["t"].partitions == 12
    assert world.publish() == 0


def test_a_level_that_somebody_else_set_at_the_same_moment_is_set_again() -> None:
    """A conflict while the level is set is retried, and the level is the contract's in the end."""
    world = World()
    world.registry.level_conflicts = 1
    assert world.publish() == 2
    assert world.registry.levels == {"s-value": "FULL"}


def test_a_dry_run_changes_nothing() -> None:
    """A dry run counts the differences and writes to neither the registry nor Kafka."""
    world = World()
    assert world.publish(dry_run=True) == 2
    assert not world.registry.levels
    assert not world.registry.subjects
    assert not world.kafka.topics


def test_a_kafka_that_comes_late_is_waited_for() -> None:
    """A broker that is not ready at first is waited for, which is reported, and the publication succeeds."""
    world = World()
    world.kafka.failures = [KafkaNotReady("no broker")] * 40
    assert world.publish() == 2
    assert any("waiting for Kafka" in said for said in world.said)


def test_waiting_ends_at_the_deadline_with_what_was_seen() -> None:
    """A broker that never comes ends the wait after 60 s with its last error and a few progress lines."""
    world = World()
    world.kafka.always = KafkaNotReady("connection refused")
    with pytest.raises(UnreachableError, match=r"waiting for Kafka after 60 s: connection refused"):
        world.publish()
    assert 60 <= world.clock.now_s < 62
    assert 5 <= len(world.said) <= 15


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(401, json={}), "refuses GET subjects"),
        (httpx.Response(200, text="<html>"), "not JSON"),
    ],
)
def test_refused_access_and_a_wrong_address_end_at_once(response: httpx.Response, words: str) -> None:
    """A registry that refuses access or answers HTML ends the publication without any wait."""
    world = World(lambda _: response)
    with pytest.raises(UnreachableError, match=words):
        world.publish()
    assert world.clock.now_s == 0


def test_refused_access_to_kafka_ends_at_once() -> None:
    """A broker that refuses access ends the publication without any wait."""
    world = World()
    world.kafka.always = UnreachableError("Kafka refuses access")
    with pytest.raises(UnreachableError, match="refuses access"):
        world.publish()
    assert world.clock.now_s == 0


def test_a_topic_with_other_partitions_stops_before_anything_is_changed() -> None:
    """A topic with another number of partitions stops the publication before the registry is written."""
    world = World()
    world.kafka.topics["t"] = FoundTopic(6, 1, {})
    with pytest.raises(DriftError, match="has 6 partitions, the contract says 12"):
        world.publish()
    assert not world.registry.subjects
    assert world.kafka.topics["t"] == FoundTopic(6, 1, {})


def test_an_incompatible_schema_is_refused_with_the_registry_s_words_before_topics_are_made() -> None:
    """An incompatible version is refused with the registry's reason, and no topic is created."""
    world = World()
    world.registry.subjects["s-value"] = [TEXT.replace("[]", f"[{OLD_FIELD}]")]
    world.registry.incompatible = "field x is gone"
    world.registry.levels["s-value"] = "FULL"
    with pytest.raises(
        BreakingError, match=r"s-value: the registry says: not compatible under FULL \(field x is gone\)"
    ):
        world.publish()
    assert len(world.registry.subjects["s-value"]) == 1
    assert not world.kafka.topics


def test_an_invalid_schema_is_not_called_incompatible() -> None:
    """A schema that the registry calls invalid ends with exit code 1 and not with that of a breaking change."""
    world = World()
    world.registry.invalid = "unknown type"
    with pytest.raises(CodegenError, match="unknown type") as caught:
        world.publish()
    assert caught.value.exit_code == 1


def test_a_registry_that_takes_another_schema_for_ours_is_not_believed() -> None:
    """A registry that answers with another schema's version fails the check after publishing."""
    world = World()
    world.registry.subjects["s-value"] = [TEXT.replace("[]", f"[{OLD_FIELD}]")]
    world.registry.confused = True
    with pytest.raises(DriftError, match=r"not take effect within 60 s: subject s-value"):
        world.publish()


def test_what_does_not_stay_is_told_at_the_deadline() -> None:
    """A topic that Kafka confirms and then does not show is reported at the deadline."""
    world = World()
    world.kafka.forgetful = True
    with pytest.raises(DriftError, match=r"carried out, but did not take effect within 60 s: topic t"):
        world.publish()


def test_a_schema_refers_to_the_version_that_this_very_run_registered() -> None:
    """A schema registered after its import refers to the version that this run gave the import."""
    world = World()
    base = WantedSubject("b.proto", "PROTOBUF", "b", "", None, (), "Protobuf b", owned=False)
    user = WantedSubject(
        "a/u.proto", "PROTOBUF", "u", "", "BACKWARD", (Reference("b.proto", "b.proto"),), "Protobuf u", owned=True
    )
    assert world.publish(Wanted((base, user), ())) == 2
    assert world.registry.references["a/u.proto"] == [{"name": "b.proto", "subject": "b.proto", "version": 1}]
    assert world.publish(Wanted((base, user), ())) == 0


# --- a plan that is carried out later ---------------------------------------------------------------------------------


def test_a_plan_that_was_edited_or_is_none_is_not_carried_out(tmp_path: Path) -> None:
    """A file that was changed by hand, or is not a plan, is refused by name."""
    path = tmp_path / "plan.json"
    save(path, World().plan())
    path.write_text(path.read_text().replace("12 partitions", "13 partitions"))
    with pytest.raises(CodegenError, match=r"plan\.json: changes: .*edited"):
        load(path)
    path.write_text("[]")
    with pytest.raises(CodegenError, match="is not a plan"):
        load(path)


def _breaking() -> World:
    world = World()
    world.publish()
    world.registry.subjects["s-value"] = [TEXT.replace("[]", '[{"name":"x","type":"int"}]')]
    return world


def test_a_breaking_version_is_refused_by_our_own_verdict_where_the_registry_says_nothing() -> None:
    """A version that old consumers cannot read is refused although the registry would accept it."""
    world = _breaking()
    sentence = r"subject s-value: consumers on v1 cannot read v2: `x` has no default"
    with pytest.raises(BreakingError, match=sentence):
        world.publish()
    with pytest.raises(BreakingError, match=sentence):
        world.publisher().apply(world.plan())
    assert len(world.registry.subjects["s-value"]) == 1


def test_a_breaking_version_that_is_allowed_is_registered_and_the_level_is_set_back() -> None:
    """A breaking version that was allowed with a reason is registered, and the level is FULL afterwards."""
    world = _breaking()
    world.publisher().apply(world.plan(), allowed={"s-value": "nobody reads it yet"})
    assert len(world.registry.subjects["s-value"]) == 2
    assert world.registry.levels == {"s-value": "FULL"}
    assert any("breaking, allowed: nobody reads it yet" in said for said in world.said)


def test_other_words_of_the_same_meaning_are_a_change_of_docs() -> None:
    """A schema that differs only in its documentation is planned as DOCS and published."""
    world = World()
    world.publish()
    world.registry.subjects["s-value"] = [TEXT.replace('"name"', '"doc":"old","name"')]
    assert [line.kind for line in world.plan().changes] == ["DOCS", "NOOP"]
    assert world.publish() == 1


def test_subjects_of_a_prefix_that_no_contract_wants_are_deleted_when_asked() -> None:
    """Unwanted subjects are deleted only if a prefix is given, and only those that begin with it."""
    world = World()
    world.publish()
    world.registry.subjects |= {"s-old": ["x"], "other": ["x"]}
    assert [line.kind for line in world.plan().changes] == ["NOOP", "NOOP"]
    planned = world.plan(prune_prefix="s-")
    assert [(line.kind, line.name) for line in planned.changes if line.kind != "NOOP"] == [("DELETE", "subject s-old")]
    world.publisher().apply(planned)
    assert set(world.registry.subjects) == {"s-value", "other"}
