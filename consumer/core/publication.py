"""Poison that is to be published, and what became of it."""

from dataclasses import dataclass

from tally.event.dead_letter import Letter


@dataclass(frozen=True)
class Publication:
    """The letters of a partition up to ``next_offset``, with the witness for that offset."""

    partition: int
    letters: tuple[Letter, ...]
    next_offset: int
    metadata: str
    group_metadata: object
    topic_id: str
    dead_letter_schema_id: int


@dataclass(frozen=True, slots=True)
class Published:
    """Committed up to ``next_offset``."""

    next_offset: int


@dataclass(frozen=True, slots=True)
class NotPublished:
    """Still pending. ``cure``: what a person must do, where it does not pass by itself."""

    reason: str
    cure: str = ""


PublicationOutcome = Published | NotPublished
