"""The plan names each difference once, and carrying it out leaves nothing to do."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.plan.changes import line, pending, plan
from codegen.plan.terms import (
    AlterTopic,
    Change,
    CreateTopic,
    Found,
    FoundSubject,
    FoundTopic,
    Kind,
    Reference,
    Register,
    SetLevel,
    Wanted,
    WantedSubject,
    WantedTopic,
)

SUBJECT = WantedSubject("s-value", "AVRO", "{}", "f", "FULL", (), "Avro t.R", owned=True)
FOREIGN = WantedSubject("google/rpc/status.proto", "PROTOBUF", "x", "", None, (), "Protobuf google.rpc", owned=False)
PROTO = WantedSubject(
    "a.proto", "PROTOBUF", "y", "", "BACKWARD", (Reference(FOREIGN.subject, FOREIGN.subject),), "Protobuf a", owned=True
)
TOPIC = WantedTopic("t", 12, 3, 2, {"retention.ms": "-1"})
CONFIG = {"retention.ms": "-1", "min.insync.replicas": "2", "segment.bytes": "1"}


def _found(
    subjects: Mapping[str, FoundSubject] | None = None, topics: Mapping[str, FoundTopic] | None = None, brokers: int = 3
) -> Found:
    return Found(subjects or {}, topics or {}, brokers)


def _only(changes: tuple[Change, ...]) -> Change:
    (change,) = changes
    return change


def test_what_is_missing_is_created_with_its_level_first() -> None:
    """A missing subject gets its compatibility level before its first version."""
    change = _only(plan(Wanted((SUBJECT,), ()), _found()))
    assert change.kind is Kind.CREATE
    assert change.actions == (SetLevel("s-value", "FULL"), Register(SUBJECT))
    assert line(change) == "CREATE  subject s-value: Avro t.R, FULL"


def test_a_creation_that_was_killed_after_the_level_goes_on_with_the_schema() -> None:
    """A subject that has its level but no version only needs the schema registered."""
    change = _only(plan(Wanted((SUBJECT,), ()), _found({"s-value": FoundSubject((), "FULL", None)})))
    assert (change.kind, change.actions) == (Kind.CREATE, (Register(SUBJECT),))


def test_another_schema_under_a_known_subject_is_an_update() -> None:
    """A subject whose versions lack the wanted schema gets it as a new version."""
    change = _only(plan(Wanted((SUBJECT,), ()), _found({"s-value": FoundSubject((1, 2), "FULL", None)})))
    assert (change.kind, change.actions) == (Kind.UPDATE, (Register(SUBJECT),))


def test_another_level_is_configuration() -> None:
    """A subject that lacks only the wanted compatibility level gets the level and no version."""
    change = _only(plan(Wanted((SUBJECT,), ()), _found({"s-value": FoundSubject((1,), None, 1)})))
    assert (change.kind, change.actions) == (Kind.CONFIG, (SetLevel("s-value", "FULL"),))


def test_a_file_of_another_package_is_never_changed() -> None:
    """A known subject that belongs to another package is left as it is, whatever its text."""
    known = {FOREIGN.subject: FoundSubject((1,), "FULL", None)}
    assert _only(plan(Wanted((FOREIGN,), ()), _found(known))).kind is Kind.NOOP


def test_updates_come_first_since_they_may_be_refused_and_references_before_their_users() -> None:
    """Updates precede creations, referenced files precede their users, and topics come last."""
    first, second = replace(SUBJECT, subject="a-value"), replace(SUBJECT, subject="z-value")
    known = {"z-value": FoundSubject((1,), "FULL", None)}
    changes = plan(Wanted((first, second, FOREIGN, PROTO), (TOPIC,)), _found(known))
    names = ["subject z-value", "subject a-value", f"subject {FOREIGN.subject}", "subject a.proto", "topic t"]
    assert [change.name for change in changes] == names


@pytest.mark.parametrize(
    ("brokers", "factor", "in_sync"), [(0, 1, "1"), (1, 1, "1"), (2, 2, "2"), (3, 3, "2"), (9, 3, "2")]
)
def test_the_factor_is_lowered_to_the_number_of_brokers(brokers: int, factor: int, in_sync: str) -> None:
    """With fewer brokers than wanted replicas a topic gets one on each, and min.insync.replicas to match."""
    (action,) = _only(plan(Wanted((), (TOPIC,)), _found(brokers=brokers))).actions
    config = {"retention.ms": "-1", "min.insync.replicas": in_sync}
    assert action == CreateTopic("t", 12, factor, config)


def test_another_number_of_partitions_blocks_everything() -> None:
    """A topic with another number of partitions blocks the plan, since ids would change their partition."""
    change = _only(plan(Wanted((), (TOPIC,)), _found(topics={"t": FoundTopic(6, 3, CONFIG)})))
    assert (change.kind, change.actions, change.blocking) == (Kind.DRIFT, (), True)
    assert "has 6 partitions, the contract says 12" in change.sentence


def test_only_the_values_of_the_contract_are_set_back() -> None:
    """Settings that the contract names are set back; others of the topic are left as they are."""
    actual = {**CONFIG, "retention.ms": "1000", "min.insync.replicas": "1"}
    change = _only(plan(Wanted((), (TOPIC,)), _found(topics={"t": FoundTopic(12, 3, actual)})))
    assert change.actions == (AlterTopic("t", {"retention.ms": "-1", "min.insync.replicas": "2"}),)
    assert "retention.ms 1000 -> -1" in change.sentence


def test_too_few_replicas_are_told_and_left() -> None:
    """A topic with fewer replicas than wanted is reported as drift that blocks nothing."""
    actual = FoundTopic(12, 1, {**CONFIG, "min.insync.replicas": "1"})
    change = _only(plan(Wanted((), (TOPIC,)), _found(topics={"t": actual})))
    assert (change.kind, change.actions, change.blocking) == (Kind.DRIFT, (), False)


@st.composite
def _worlds(draw: st.DrawFn) -> tuple[Wanted, Found]:
    """Return something wanted and a state of the world in which any of it is right, wrong or missing."""
    subjects = {
        wanted.subject: FoundSubject(
            versions=tuple(range(1, draw(st.integers(0, 3)) + 1)),
            level=draw(st.sampled_from([None, "FULL", "BACKWARD"])),
            matching_version=draw(st.sampled_from([None, 1])),
        )
        for wanted in (SUBJECT, FOREIGN, PROTO)
        if draw(st.booleans())
    }
    subjects = {
        name: found if found.versions else replace(found, matching_version=None) for name, found in subjects.items()
    }
    config = draw(st.dictionaries(st.sampled_from(list(CONFIG)), st.sampled_from(["-1", "2", "7"])))
    topics = {"t": FoundTopic(12, draw(st.integers(1, 3)), config)} if draw(st.booleans()) else {}
    return Wanted((SUBJECT, FOREIGN, PROTO), (TOPIC,)), _found(subjects, topics, draw(st.integers(0, 4)))


def _carried_out(found: Found, changes: tuple[Change, ...], *, killed_after: int) -> Found:
    """Return the world after the first ``killed_after`` actions."""
    subjects, topics = dict(found.subjects), dict(found.topics)
    actions = [action for change in changes for action in change.actions]
    for action in actions[:killed_after]:
        match action:
            case SetLevel(subject, level):
                subjects[subject] = replace(subjects.get(subject, FoundSubject()), level=level)
            case Register(wanted):
                known = subjects.get(wanted.subject, FoundSubject())
                version = max(known.versions, default=0) + 1
                subjects[wanted.subject] = replace(known, versions=(*known.versions, version), matching_version=version)
            case CreateTopic(name, partitions, factor, config):
                topics[name] = FoundTopic(partitions, factor, config)
            case AlterTopic(name, config):
                topics[name] = replace(topics[name], config={**topics[name].config, **config})
    return Found(subjects, topics, found.brokers)


@given(world=_worlds(), killed_after=st.integers(0, 8))
def test_a_plan_that_was_killed_anywhere_and_planned_again_leaves_nothing(
    world: tuple[Wanted, Found], killed_after: int
) -> None:
    """A plan killed after any action and then planned and carried out again leaves nothing to do."""
    wanted, found = world
    half = _carried_out(found, plan(wanted, found), killed_after=killed_after)
    whole = _carried_out(half, plan(wanted, half), killed_after=100)
    assert not pending(plan(wanted, whole))
