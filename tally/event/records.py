"""Records of the topic as Kafka gave them, and what the consumer's rules make of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tally.base.framing import SCHEMA_HEADER
from tally.cli.verdicts import Counts, Poisoned, Verdicts


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is in Kafka. Of headers with one name the first that has a value is kept."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


def verdict_on(record: Record, verdicts: Verdicts) -> Counts | Poisoned:
    """Return what the ledger makes of a record; what the registry's errors are passes through."""
    return verdicts.on(record.partition, record.key, record.value, record.headers.get(SCHEMA_HEADER))
