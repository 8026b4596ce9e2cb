"""The Avro verdict: may a schema follow its history under a compatibility level? Pure; an answer is a sentence.

A level says who must read whom. BACKWARD: consumers on the new version read what was written with an old one. FORWARD:
consumers on an old version read what is written with the new one. FULL: both. The plain levels look at the newest old
version, the transitive ones at all of them. NONE asks nothing. Whatever the level, a default must be one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from codegen.avro.defaults import wrong_defaults
from codegen.avro.resolve import READER, WRITER, Obstacle, obstacles
from codegen.avro.schema import AvroFile

T = TypeVar("T")
Direction = Literal["BACKWARD", "FORWARD", "ITSELF"]

_DIRECTIONS: Final[dict[str, tuple[Direction, ...]]] = {
    "NONE": (),
    "BACKWARD": ("BACKWARD",),
    "FORWARD": ("FORWARD",),
    "FULL": ("BACKWARD", "FORWARD"),
}


@dataclass(frozen=True)
class Finding:
    """One reason against a schema. ``path`` is the place in it, ``rule`` a stable word, ``sentence`` for a person."""

    path: str
    rule: str
    direction: Direction
    sentence: str


@dataclass(frozen=True)
class Version:
    """A schema and what people call it: ``v1``, ``git:main``."""

    name: str
    schema: AvroFile


def directions_of(level: str) -> tuple[Direction, ...]:
    """Return the directions that a level asks about."""
    return _DIRECTIONS[level.removesuffix("_TRANSITIVE")]


def looked_at(history: Sequence[T], level: str) -> Sequence[T]:
    """Return the old versions that a level compares with, of all of them, oldest first."""
    return history if level.endswith("_TRANSITIVE") else history[-1:]


def verdict(history: Sequence[Version], new: Version, level: str) -> tuple[Finding, ...]:
    """Return what speaks against ``new`` after ``history`` (oldest first) under ``level``; nothing: it may come."""
    found = [*_own(new)]
    for old in looked_at(history, level):
        for direction in directions_of(level):
            found += _between(old, new, direction)
    return tuple(found)


def _between(old: Version, new: Version, direction: Direction) -> Iterator[Finding]:
    writer, reader = (old, new) if direction == "BACKWARD" else (new, old)
    for obstacle, sentence in unreadable(writer, reader):
        yield Finding(obstacle.path, obstacle.rule, direction, sentence)


def unreadable(writer: Version, reader: Version) -> Iterator[tuple[Obstacle, str]]:
    """Yield (obstacle, sentence) for everything that keeps consumers on ``reader`` from reading ``writer``."""
    for obstacle in obstacles(writer.schema, reader.schema):
        reason = obstacle.reason.replace(WRITER, writer.name).replace(READER, reader.name)
        yield obstacle, f"consumers on {reader.name} cannot read {writer.name}: {reason}"


def _own(new: Version) -> Iterator[Finding]:
    for field, problem in wrong_defaults(new.schema):
        sentence = f"{new.name} is wrong in itself: the default of `{field.name}` is not one: {problem}"
        yield Finding(field.name, "default", "ITSELF", sentence)
