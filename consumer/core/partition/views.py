"""What is read off a partition: what may be committed, with which witness, and what readers see.

Theory of operation. The ledger is the truth. The committed offset follows it, never leads it (I4) and never goes back
(I9). One commit is in flight at a time, so that two cannot overtake each other.
"""

from consumer.core.partition.model import Partition
from consumer.core.partition.stages import Reading
from consumer.core.snapshot import Own, figures_of
from tally.ledger.format import witness
from tally.ledger.format.witness import Witness
from tally.ledger.state.fold import FOLD_VERSION


def own(partition: Partition) -> Own:
    """Return what readers see of it."""
    figures = None if partition.ledger is None else figures_of(partition.ledger.state)
    return Own(partition.number, partition.shown, figures, partition.position)


def due(partition: Partition) -> int | None:
    """Return the next offset to commit, None when nothing is due.

    It is due when the partition is read and nothing interrupted that, so never when REFUSED; when the ledger does not
    replay what is committed already; when it is above what is committed; and when no poison below it waits for its
    dead letter: then only the transaction that publishes the dead letter may move it.
    """
    if not isinstance(partition.stage, Reading) or partition.trouble is not None:
        return None
    if partition.replay is not None or partition.letters:
        return None
    return partition.durable if partition.durable > (partition.committed or 0) else None


def witness_of(partition: Partition, owner_url: str) -> str:
    """Return the metadata for a commit of the ledger's next offset."""
    assert partition.ledger is not None, f"partition {partition.number} has no open ledger"
    state = partition.ledger.state
    return witness.encode(
        Witness(
            counts=state.counts,
            chain=state.chain.value,
            topic_id=partition.ledger.topic_id,
            fold_version=FOLD_VERSION,
            owner_url=owner_url,
        )
    )
