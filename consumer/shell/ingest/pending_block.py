"""A block between its decoding and its place in the ledger."""

from dataclasses import dataclass

from consumer.core.schema_wait import SchemaWait
from consumer.shell.partitions.open_ledger import OpenLedger
from tally.event.dead_letter import Letter
from tally.ledger.state.fold import Folded


@dataclass(frozen=True)
class PendingBlock:
    """Rows ready to append, and the poison among them whose dead letter is to be published.

    ``wait``: the record behind them cannot be read before this is over.
    """

    partition: int
    ledger: OpenLedger
    folded: Folded
    schemas: dict[int, str]
    letters: tuple[Letter, ...]
    wait: SchemaWait | None = None
