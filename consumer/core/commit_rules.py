"""Which offsets may be committed, and which are.

Theory of operation. The ledger is the truth; the committed offset follows it and never leads it (I4) nor goes back (I9).
A partition's ``Progress`` remembers what is known to be committed and what is on its way; one commit is in flight at
a time, so that two cannot overtake each other. Only the ingest loop uses it.

An offset is due when the partition is ours and RUNNING (so never while it replays what is committed already, and never when
REFUSED), when it is above what is committed, and when no poison below it waits for its dead letter: then only the
transaction that publishes the dead letter may move it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.core.partition_state import Running, State


@dataclass(slots=True)
class Progress:
    """What one partition has durable and committed. Offsets are next offsets.

    committed: what the group is known to have, None when it has nothing.
    durable: the ledger's next offset after its last fsync.
    poison_pending: whether a poison row at or above ``committed`` has no dead letter yet.
    """

    committed: int | None
    durable: int
    poison_pending: bool = False


def due(states: Mapping[int, State], progress: Mapping[int, Progress]) -> dict[int, int]:
    """Return the next offset to commit by partition, for those that are due."""
    return {
        partition: entry.durable
        for partition, entry in progress.items()
        if isinstance(states.get(partition), Running)
        and not entry.poison_pending
        and entry.durable > (0 if entry.committed is None else entry.committed)
    }


def acknowledge(progress: Progress, next_offset: int) -> None:
    """Take note that a commit succeeded."""
    assert next_offset <= progress.durable, f"committed {next_offset} is past the durable {progress.durable} (I4)"
    progress.committed = max(next_offset, progress.committed or 0)
