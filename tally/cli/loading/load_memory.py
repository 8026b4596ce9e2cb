"""What was loaded from where: keeps a file that changed under its name from being counted again by surprise.

Kept as JSON in ``<TALLY_DATA_DIR>/client/loads.json``, by service and absolute path, so that resetting a system's data
forgets it, too. It only warns: without it everything still is counted once by request id. Replaced atomically; two
loads at once may lose one's entry, which costs a warning.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tally.base.written_file import write_file
from tally.service.private import private_folder

ENTRIES_MAX: Final[int] = 10_000
"""The oldest entries go first."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load of a path: the ids it used and what it read."""

    source_id: str
    content_sha256: str
    column_a: str
    column_b: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """Go on with this source id."""

    source_id: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """The path was loaded before in another way; ``reason`` says how, ``ways`` are the two ways on, with options."""

    reason: str
    ways: tuple[str, str]


def choose_source_id(given: str | None, now: Loaded, before: Loaded | None) -> Agreed | Doubt:
    """Return the source id of a load. ``now.source_id`` is the one to use when nothing is said: the content's hash.

    A source id that is given wins. Otherwise the path must be new here, or the same content and columns as before
    under the same source id: then every row keeps its request id.
    """
    if given is not None:
        return Agreed(given)
    if before is None or before == now:
        return Agreed(now.source_id)
    if before.content_sha256 != now.content_sha256:
        return Doubt(
            "was loaded before with other content",
            (
                f"the same source, corrected or grown: --source-id {before.source_id} (counted lines stay counted)",
                f"other data under the same name: --source-id {now.source_id} (every line is counted)",
            ),
        )
    if (before.column_a, before.column_b) != (now.column_a, now.column_b):
        return Doubt(
            f"was loaded before with the columns {before.column_a} and {before.column_b}",
            (
                f"those columns again: --a {before.column_a} --b {before.column_b} (adds nothing)",
                f"these columns as well: --source-id {now.source_id[:64]}-{now.column_a}-{now.column_b}",
            ),
        )
    return Doubt(
        f"was loaded before as source {before.source_id}",
        (
            f"the same source: --source-id {before.source_id} (adds nothing)",
            f"another source with the same rows: --source-id {now.source_id} (every line is counted again)",
        ),
    )


class LoadMemory:
    """The file. A broken one counts as empty, since it is never the guarantee; it is named, and kept aside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        """Why the file cannot be read, after ``recall``; None when it can."""

    def recall(self, service: str, file: Path) -> Loaded | None:
        """Return how this file was loaded last into this service."""
        entry = self._read().get(_key(service, file))
        if not isinstance(entry, dict):
            return None
        try:
            loaded = Loaded(**entry)
        except TypeError:
            return None
        return loaded if all(isinstance(value, str) for value in entry.values()) else None

    def remember(self, service: str, file: Path, loaded: Loaded) -> None:
        """Keep how this file is loaded. Called before the first row is sent. Raises OSError."""
        entries = self._read()
        key = _key(service, file)
        entries.pop(key, None)
        entries[key] = asdict(loaded)
        kept = dict(list(entries.items())[-ENTRIES_MAX:])
        private_folder(self.path.parent)
        if self.trouble is not None:
            with suppress(FileNotFoundError):
                os.rename(self.path, self._aside)
        write_file(self.path, json.dumps(kept, indent=1), private=True)

    @property
    def _aside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.broken")

    def _read(self) -> dict[str, object]:
        try:
            entries = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self.trouble = str(error)
            return {}
        if not isinstance(entries, dict):
            self.trouble = "it is not a JSON object"
            return {}
        return entries


def _key(service: str, file: Path) -> str:
    return f"{service} {file.resolve()}"
