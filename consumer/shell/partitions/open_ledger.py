"""An open ledger together with what it is the ledger of."""

from dataclasses import dataclass
from typing import Final

from loguru import logger

from consumer.core.partition.events import Contradicted, Replayed
from consumer.core.partition.job_events import LedgerFacts
from consumer.core.recovery import Continue, Replay, check_replayed
from tally.ledger.format.identity import Identity, Refuse
from tally.ledger.storage.errors import LedgerDamaged
from tally.ledger.storage.ledger import Opened

DAMAGED_CURE: Final = (
    "Start the consumer again: it puts damaged files aside and reads their rows from the topic. `tally verify data` "
    "shows what is damaged."
)


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """Kept while the partition is owned, also when it is paused or refused."""

    opened: Opened
    identity: Identity

    @property
    def facts(self) -> LedgerFacts:
        """What the decision table knows of it."""
        return LedgerFacts(self.opened.ledger.state, self.identity.topic_id)

    def compare(self, replay: Replay) -> Replayed | Contradicted:
        """Compare the ledger's chain with the witness's at the end of a replay."""
        ledger = self.opened.ledger
        try:
            chain = ledger.view.chain_at(replay.until)
        except LedgerDamaged as error:
            return Contradicted(str(error), DAMAGED_CURE)
        match check_replayed(chain, replay, str(ledger.directory)):
            case Refuse(reason, cure):
                return Contradicted(reason, cure)
            case Continue():
                about = logger.bind(partition=self.identity.partition, offset=replay.until)
                about.info("replayed: the chain is the witness's")
                return Replayed()
