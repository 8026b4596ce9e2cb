"""Poison that is to be published. What became of it is an event of the partition's decision table."""

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
