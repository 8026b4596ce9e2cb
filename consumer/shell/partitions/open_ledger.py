"""An open ledger together with what it is the ledger of."""

from dataclasses import dataclass

from consumer.core.partition.job_events import LedgerFacts
from tally.ledger.format.identity import Identity
from tally.ledger.storage.ledger import Opened


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """Kept while the partition is owned, also when it is paused or refused."""

    opened: Opened
    identity: Identity

    @property
    def facts(self) -> LedgerFacts:
        """What the decision table knows of it."""
        return LedgerFacts(self.opened.ledger.state, self.identity.topic_id)
