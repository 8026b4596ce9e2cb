"""What must change so that a registry and Kafka match the contracts: pure, values in, changes out.

``plan`` compares what is wanted with what was read and returns one ``Change`` a thing, each with the actions that make
it so. Nothing here talks to anybody; the publisher carries the actions out and plans again to see that nothing is left.
"""

from collections.abc import Sequence
from typing import Final

from codegen.plan.terms import (
    Action,
    AlterTopic,
    Change,
    CreateTopic,
    DeleteSubject,
    Found,
    FoundSubject,
    FoundTopic,
    Kind,
    Lost,
    Opinions,
    Register,
    SetLevel,
    Wanted,
    WantedSubject,
    WantedTopic,
)

AGAINST: Final = "        - "
NOTED: Final = "        note: "
"""What an objection, and what a note begins with below its change."""

_NO_OPINIONS: Final = Opinions()
_READWRITE: Final = "READWRITE"
"""The mode in which a registry takes changes of a subject."""


def plan(wanted: Wanted, found: Found, opinions: Opinions = _NO_OPINIONS) -> tuple[Change, ...]:
    """Return the changes that lead from ``found`` to ``wanted``, a NOOP for each thing that is right.

    Updates of Avro subjects come first: they may be refused, and then nothing was changed yet. What refers to others
    keeps its order: after them. Topics come last: a topic is of no use without its schema.
    """
    avro: list[Change] = []
    protobuf: list[Change] = []
    for subject in wanted.subjects:
        known = found.subjects.get(subject.subject, FoundSubject())
        changes = [*plan_subject(subject, known, opinions), *_own_level(subject, known, found.global_level)]
        (avro if subject.kind == "AVRO" else protobuf).extend(changes)
    topics = [change for topic in wanted.topics for change in plan_topic(topic, found)]
    lost = [_loss(each) for each in opinions.lost]
    deletions = [change for name in opinions.unwanted for change in _deletion(name, found)]
    if not any(subject.references for subject in wanted.subjects if subject.kind == "AVRO"):
        avro.sort(key=lambda change: change.kind is not Kind.UPDATE)
    return (*_global_level(wanted, found), *avro, *protobuf, *topics, *lost, *deletions)


def _global_level(wanted: Wanted, found: Found) -> list[Change]:
    if wanted.global_level is None or found.global_level in {None, wanted.global_level}:
        return []
    sentence = (
        f"its global level is {found.global_level}, codegen.yaml says {wanted.global_level}; others rely on it, so "
        f'it is not changed here: set it back (PUT /config {{"compatibility": "{wanted.global_level}"}}), or change '
        "level in codegen.yaml"
    )
    return [Change(Kind.DRIFT, "registry", sentence)]


def _own_level(wanted: WantedSubject, found: FoundSubject, global_level: str | None) -> list[Change]:
    """Return the line of a subject with a level of its own where codegen.yaml says that the global one holds."""
    if wanted.level is not None or wanted.inherited is None or found.level in {None, wanted.inherited, global_level}:
        return []
    sentence = (
        f"has the level {found.level} of its own, and codegen.yaml leaves it to the global one, {wanted.inherited}; "
        f"say level: {found.level} of it in codegen.yaml, or take it away there (DELETE /config/{wanted.subject})"
    )
    return [Change(Kind.DRIFT, f"subject {wanted.subject}", sentence)]


def _loss(lost: Lost) -> Change:
    """Return the line of something lost: nothing is done about it, and it stops everything else until it is retired."""
    return Change(lost.kind, lost.name, lost.sentence, (), bool(lost.objections), lost.objections)


def _deletion(subject: str, found: Found) -> list[Change]:
    change = Change(Kind.DELETE, f"subject {subject}", "no contract wants it", (DeleteSubject(subject),))
    return [*_refused(subject, found.subjects.get(subject, FoundSubject()).mode), change]


def _refused(subject: str, mode: str | None) -> list[Change]:
    """Return the line that stops everything when the registry would take no change of a subject in its mode."""
    if mode is None or mode == _READWRITE:
        return []
    takes = "only versions with the ids of another registry" if mode == "IMPORT" else "no change of it"
    sentence = (
        f"is in mode {mode}, in which a registry takes {takes}; once whoever set it has finished, set it back "
        f'(PUT /mode/{subject} {{"mode": "{_READWRITE}"}}) and plan again'
    )
    return [Change(Kind.DRIFT, f"subject {subject}", sentence, blocking=True)]


def plan_subject(wanted: WantedSubject, found: FoundSubject, opinions: Opinions = _NO_OPINIONS) -> list[Change]:
    """Return the changes of one subject, after a line that stops them when its mode allows none."""
    changes = _changes(wanted, found, opinions)
    return [*(_refused(wanted.subject, found.mode) if pending(changes) else []), *changes]


def _changes(wanted: WantedSubject, found: FoundSubject, opinions: Opinions) -> list[Change]:
    name = f"subject {wanted.subject}"
    level: tuple[Action, ...] = ()
    if wanted.level is not None and wanted.level != found.level:
        level = (SetLevel(wanted.subject, wanted.level),)
    shown = f"{wanted.title}, {wanted.level}" if wanted.level else wanted.title
    if not found.versions:
        # An objection to a first version is to the schema itself; nobody can allow that.
        against = opinions.objections.get(wanted.subject, ())
        return [Change(Kind.CREATE, name, shown, (*level, Register(wanted)), bool(against), against)]
    changes = []
    if level:
        sentence = f"compatibility {found.level or 'the global one'} -> {wanted.level}"
        changes.append(Change(Kind.CONFIG, name, sentence, level))
    if found.matching_version is None and wanted.owned:
        changes.append(_new_version(wanted, found, opinions, shown))
    if found.other_rules:
        changes.append(_other_rules(wanted, found, opinions, shown))
    if found.matching_version is not None and wanted.owned and found.matching_version < max(found.versions):
        sentence = (
            f"{shown}: is version {found.matching_version}, but somebody registered {max(found.versions)} after it"
        )
        changes.append(Change(Kind.DRIFT, name, sentence))
    if not changes:
        version = found.matching_version or max(found.versions)
        beside = f", with {' and '.join(found.beside)} beside it that stay" if found.beside else ""
        changes.append(Change(Kind.NOOP, name, f"{shown}: is version {version}{beside}"))
    return changes


def _other_rules(wanted: WantedSubject, found: FoundSubject, opinions: Opinions, shown: str) -> Change:
    """Return the line of rules that changed where nothing can be registered: rules are comments to this registry."""
    sentence = f"{shown}: has other rules than version {found.matching_version}, which the registry takes for the same"
    against, notes = opinions.objections.get(wanted.subject, ()), opinions.notes.get(wanted.subject, ())
    if against and (reason := opinions.allowed.get(wanted.subject)):
        sentence, against = f"{sentence}; breaking, allowed: {reason}", ()
    return Change(Kind.UPDATE, f"subject {wanted.subject}", sentence, (), bool(against), against, notes)


def _new_version(wanted: WantedSubject, found: FoundSubject, opinions: Opinions, shown: str) -> Change:
    name, newest = f"subject {wanted.subject}", max(found.versions)
    if found.docs_only and found.moves:
        sentence = f"{shown}: another version after {newest}, as what it refers to gets one"
        return Change(Kind.UPDATE, name, sentence, (Register(wanted),))
    if found.docs_only:
        sentence = f"{shown}: another version after {newest}, in other words with the same meaning"
        return Change(Kind.DOCS, name, sentence, (Register(wanted),))
    sentence = f"{shown}: another version after {newest}"
    against, notes = opinions.objections.get(wanted.subject, ()), opinions.notes.get(wanted.subject, ())
    reason = opinions.allowed.get(wanted.subject)
    if against and reason is not None:
        # The registry would refuse it as well; its level is set back right after.
        before = wanted.level or found.level
        steps = (SetLevel(wanted.subject, "NONE"), Register(wanted), SetLevel(wanted.subject, before))
        told = f"{sentence}, breaking, allowed: {reason}"
        return Change(Kind.UPDATE, name, told, steps, objections=against, notes=notes)
    return Change(Kind.UPDATE, name, sentence, (Register(wanted),), bool(against), against, notes)


def plan_topic(wanted: WantedTopic, found: Found) -> list[Change]:
    """Return the changes of one topic."""
    name = f"topic {wanted.name}"
    actual = found.topics.get(wanted.name)
    if actual is None:
        factor = min(wanted.replication_factor, max(found.brokers, 1))
        create = CreateTopic(wanted.name, wanted.partitions, factor, _config(wanted, factor))
        in_sync = create.config["min.insync.replicas"]
        sentence = f"{wanted.partitions} partitions, {factor} replicas, {in_sync} of them in sync"
        return [Change(Kind.CREATE, name, sentence, (create,))]
    if actual.partitions != wanted.partitions:
        return [
            Change(
                Kind.DRIFT,
                name,
                f"has {actual.partitions} partitions, the contract says {wanted.partitions}; a key's partition depends "
                "on the number, so it is not changed here: take the cluster that the contract means, or a new topic",
                blocking=True,
            )
        ]
    changes = _config_changes(name, wanted, actual)
    factor = min(wanted.replication_factor, max(found.brokers, 1))
    if actual.replication_factor < factor:
        sentence = (
            f"has {actual.replication_factor} replicas, {factor} are wanted and possible; "
            "codegen does not move data: use Kafka's kafka-reassign-partitions"
        )
        changes.append(Change(Kind.DRIFT, name, sentence))
    return changes or [Change(Kind.NOOP, name, f"{actual.partitions} partitions, {actual.replication_factor} replicas")]


def _config(wanted: WantedTopic, factor: int) -> dict[str, str]:
    return {**wanted.config, "min.insync.replicas": str(min(wanted.min_insync_replicas, factor))}


def _config_changes(name: str, wanted: WantedTopic, actual: FoundTopic) -> list[Change]:
    config = _config(wanted, actual.replication_factor)
    repair = {key: value for key, value in sorted(config.items()) if actual.config.get(key) != value}
    if not repair:
        return []
    sentence = ", ".join(f"{key} {actual.config.get(key, '(unset)')} -> {value}" for key, value in repair.items())
    return [Change(Kind.CONFIG, name, sentence, (AlterTopic(wanted.name, repair),))]


def pending(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes that have something to do."""
    return tuple(change for change in changes if change.actions)


def exit_code(changes: tuple[Change, ...]) -> int:
    """Return a plan's exit code: 3 breaking, 4 drift, 2 pending, 0 nothing to do."""
    if any(change.blocking and change.objections for change in changes):
        return 3
    if any(change.kind is Kind.DRIFT for change in changes):
        return 4
    return 2 if pending(changes) else 0


def line(change: Change) -> str:
    """Return a change as a line for a person, with a line below it for each objection and each note."""
    return "\n".join(
        (
            f"{change.kind:<6}  {change.name}: {change.sentence}",
            *(f"{AGAINST}{said}" for said in change.objections),
            *(f"{NOTED}{said}" for said in change.notes),
        )
    )
