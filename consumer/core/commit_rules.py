"""Which offsets may be committed, and which are.

Theory of operation. The ledger is the truth. The committed offset follows it, never leads it (I4) and never goes back
(I9). A partition's ``Progress`` remembers what is durable and what is known to be committed; one commit is in flight
at a time, so that two cannot overtake each other. Only the ingest loop uses it.

An offset is due when the partition is ours and RUNNING (so never while it replays what is committed already, and never
when REFUSED), when it is above what is committed, and when no poison below it waits for its dead letter: then only
the transaction that publishes the dead letter may move it.
"""

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


def due(state: State, progress: Progress) -> int | None:
    """Return the next offset to commit, None when nothing is due."""
    if not isinstance(state, Running) or progress.poison_pending:
        return None
    return progress.durable if progress.durable > (progress.committed or 0) else None


def acknowledge(progress: Progress, next_offset: int) -> None:
    """Take note that a commit succeeded."""
    assert next_offset <= progress.durable, f"committed {next_offset} is past the durable {progress.durable} (I4)"
    progress.committed = max(next_offset, progress.committed or 0)
