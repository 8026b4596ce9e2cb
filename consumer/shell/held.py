"""An open ledger together with what it is the ledger of."""

from dataclasses import dataclass

from consumer.core.recovery import Identity
from tally.ledger.file import Opened


@dataclass(frozen=True, slots=True)
class Held:
    """Kept while the partition is owned, also when it is paused or refused."""

    opened: Opened
    identity: Identity
