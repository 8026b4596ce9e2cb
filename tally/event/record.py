"""A record as Kafka gave it, and what names its writer's schema."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tally.base.framing import SCHEMA_HEADER


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is in Kafka. Of headers with one name the first that has a value is kept."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


def schema_header(headers: Iterable[tuple[str, bytes | None]] | None) -> bytes | None:
    """Return what the first header SCHEMA_HEADER with a value holds."""
    for name, value in headers or ():
        if name == SCHEMA_HEADER and value is not None:
            return value
    return None
