"""What was replayed: one line a dead letter, by its source mark, on this machine.

Kept in ``<TALLY_DATA_DIR>/client/replays.jsonl``, appended and forced to the disk after the answer, never rewritten. A
letter that stands here is not sent again. It saves work and tells who asks later what was done; what keeps anything
from being counted twice is the request id, also when this file is lost or another machine replays.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tally.base.written_file import for_owner_only
from tally.cli.replaying.dead_letters import Source
from tally.client.outcomes import Addition, Position
from tally.service.private import private_folder


@dataclass(frozen=True, slots=True)
class Replayed:
    """One letter that was put back, as which addition, and where it is now."""

    source: Source
    addition: Addition
    position: Position
    at: datetime


class ReplayJournal:
    """The file. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[Source, Replayed]:
        """Return what was replayed, by source. A line that is damaged is left out: its letter is sent again.

        That is no guess: an entry never has a newline in it, so the next line is an entry of its own.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        entries = [entry for line in lines if (entry := _entry(line)) is not None]
        return {entry.source: entry for entry in entries}

    def add(self, entries: Iterable[Replayed]) -> None:
        """Append, and return when it is on the disk."""
        text = "".join(_line(entry) + "\n" for entry in entries)
        if not text:
            return
        private_folder(self.path.parent)
        with open(self.path, "a", encoding="utf-8", opener=for_owner_only) as file:
            # A line that a crash cut short must not swallow the next one.
            file.write(f"\n{text}" if file.tell() else text)
            file.flush()
            os.fsync(file.fileno())


def _line(entry: Replayed) -> str:
    source, addition, position = entry.source, entry.addition, entry.position
    return json.dumps(
        {
            "topic_id": source.topic_id,
            "source": str(source),
            "request_id": addition.request_id,
            "a": addition.a,
            "b": addition.b,
            "topic": position.topic,
            "position": f"{position.partition}:{position.offset}",
            "at": entry.at.isoformat(),
        }
    )


def _entry(line: bytes) -> Replayed | None:
    try:
        fields: Any = json.loads(line)
        partition, offset = map(int, fields["source"].split(":"))
        at_partition, at_offset = map(int, fields["position"].split(":"))
        return Replayed(
            Source(fields["topic_id"], partition, offset),
            Addition(fields["request_id"], fields["a"], fields["b"]),
            Position(fields["topic"], at_partition, at_offset),
            datetime.fromisoformat(fields["at"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
