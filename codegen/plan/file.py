"""A plan as a file: made at one time, carried out at another, exactly as it was shown.

The file holds what was wanted, what was found, and the opinions; the changes follow from these by ``plan``, and stand
in the file, too, for machines and people to read. Before anything is done the world is read again: each subject and
topic must be as it was found, or as a run of this very plan that was killed left it. Anything else means that somebody
else changed it meanwhile, and the plan is void.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from codegen.errors import CodegenError
from codegen.plan.changes import plan
from codegen.plan.terms import (
    AlterTopic,
    Change,
    CreateTopic,
    Found,
    FoundSubject,
    FoundTopic,
    Opinions,
    Register,
    SetLevel,
    Wanted,
)
from tally.base.written_file import write_file

FORMAT: Final = 2
BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class ChangeLine:
    """A change as machines read it."""

    kind: str
    name: str
    sentence: str
    objections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanFile:
    """A plan. ``registry`` has no credentials; ``registry_name`` is its name in registries.yaml, if it has one."""

    registry: str
    registry_name: str
    kafka: str
    wanted: Wanted
    found: Found
    opinions: Opinions
    changes: tuple[ChangeLine, ...] = ()
    format: int = field(default=FORMAT)

    def plan(self, allowed: Mapping[str, str]) -> tuple[Change, ...]:
        """Return the changes, with what is allowed in spite of objections."""
        return plan(self.wanted, self.found, replace(self.opinions, allowed=allowed))


def lines_of(changes: tuple[Change, ...]) -> tuple[ChangeLine, ...]:
    """Return changes as they stand in a file."""
    return tuple(ChangeLine(c.kind.value, c.name, c.sentence, c.objections, c.notes) for c in changes)


def save(path: Path, planned: PlanFile) -> None:
    """Write a plan. Raises CodegenError."""
    try:
        write_file(path, msgspec.json.format(msgspec.json.encode(planned), indent=2) + b"\n", special=True)
    except OSError as error:
        raise CodegenError(f"{path} cannot be written: {error}") from error


def load(path: Path) -> PlanFile:
    """Read a plan. Raises CodegenError when it is none, or was edited, or made by another version of codegen."""
    again = "make it anew: codegen plan --registry … --out"
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)  # of what has no end, too
        if len(content) > BYTES_MAX:
            raise CodegenError(f"{path} has more than {BYTES_MAX} bytes, and a plan never has")
        planned = msgspec.json.decode(content, type=PlanFile)
    except OSError as error:
        raise CodegenError(f"{path} cannot be read: {error}") from error
    except msgspec.DecodeError as error:
        raise CodegenError(f"{path} is not a plan ({error}); {again}") from error
    if planned.format != FORMAT:
        raise CodegenError(f"{path} has format {planned.format}, this codegen reads {FORMAT}; {again}")
    if planned.changes != lines_of(planned.plan({})):
        raise CodegenError(
            f"{path}: changes: does not follow from its own facts: it was edited, or made by another version; {again}"
        )
    return planned


def moved(planned: PlanFile, now: Found, changes: tuple[Change, ...]) -> list[str]:
    """Return a line for each thing that is neither as the plan found it nor as the plan's own actions leave it."""
    found = []
    for subject in planned.wanted.subjects:
        name = subject.subject
        then = planned.found.subjects.get(name, FoundSubject())
        actual = now.subjects.get(name, FoundSubject())
        if subject.level is None:  # not ours to say; and registries give the global one once there is a version
            then, actual = replace(then, level=None), replace(actual, level=None)
        if not any(_is(actual, level, then, registered=done) for level, done in _on_the_way(name, then, changes)):
            found.append(f"subject {name}: had {_shown(then)}, has {_shown(actual)}")
    for topic in planned.wanted.topics:
        before, actual_topic = planned.found.topics.get(topic.name), now.topics.get(topic.name)
        if not _topic_is(topic.name, before, actual_topic, changes):
            found.append(f"topic {topic.name}: had {_topic_shown(before)}, has {_topic_shown(actual_topic)}")
    return found


def _on_the_way(name: str, then: FoundSubject, changes: tuple[Change, ...]) -> Iterator[tuple[str | None, bool]]:
    """Yield (level, registered) before and after each action of a subject."""
    level, registered = then.level, False
    yield level, registered
    for action in (action for change in changes for action in change.actions):
        match action:
            case SetLevel(subject, new_level) if subject == name:
                level = new_level
                yield level, registered
            case Register(wanted) if wanted.subject == name:
                registered = True
                yield level, registered


def _is(actual: FoundSubject, level: str | None, then: FoundSubject, *, registered: bool) -> bool:
    if actual.level != level:
        return False
    if not registered:
        return (actual.versions, actual.matching_version) == (then.versions, then.matching_version)
    return actual.versions[:-1] == then.versions and actual.matching_version == actual.versions[-1]


def _topic_is(name: str, then: FoundTopic | None, now: FoundTopic | None, changes: tuple[Change, ...]) -> bool:
    states = [then]
    for action in (action for change in changes for action in change.actions):
        match action:
            case CreateTopic(topic, partitions, factor, config) if topic == name:
                states.append(FoundTopic(partitions, factor, config))
            case AlterTopic(topic, config) if topic == name and then is not None:
                states.append(FoundTopic(then.partitions, then.replication_factor, {**then.config, **config}))
    return any(_same_topic(state, now) for state in states)


def _same_topic(then: FoundTopic | None, now: FoundTopic | None) -> bool:
    """Compare what matters; a new topic has Kafka's defaults beside what it was created with."""
    if then is None or now is None:
        return then is now
    numbers = (then.partitions, then.replication_factor) == (now.partitions, now.replication_factor)
    return numbers and all(now.config.get(key) == value for key, value in then.config.items())


def _shown(subject: FoundSubject) -> str:
    versions = ", ".join(str(version) for version in subject.versions)
    return f"versions {versions or 'none'} and level {subject.level or 'none of its own'}"


def _topic_shown(topic: FoundTopic | None) -> str:
    if topic is None:
        return "nothing of that name"
    return f"{topic.partitions} partitions, {topic.replication_factor} replicas or another configuration"
