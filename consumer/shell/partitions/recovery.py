"""Recovery of one partition: gather what ledger, topic and group say, and let ``recovery.decide`` decide.

Runs in a thread beside the ingest loop, while the partition is not read. It changes nothing but the ledger's own files
(``Ledger.open`` mends them); what to do next is its return value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loguru import logger

from consumer.core import recovery
from consumer.core.partition.job_events import (
    LedgerFacts,
    RecoveryEvent,
    RecoveryPostponed,
    RecoveryRefused,
    RecoverySucceeded,
)
from consumer.core.recovery import (
    Absent,
    Committed,
    Continue,
    Facts,
    Known,
    Replay,
    Retry,
    Unreadable,
)
from consumer.core.schema_wait import SchemaWait
from consumer.shell.kafka.ports import KafkaPorts
from consumer.shell.partitions.open_ledger import DAMAGED_CURE, OpenLedger
from consumer.shell.partitions.published_verdicts import Place, PublishedVerdicts
from consumer.shell.partitions.records_again import RecordsAgain
from consumer.shell.schemas import Schemas
from tally.event.verdict import SchemaUnavailable
from tally.kafka.trouble import KafkaTroubleError
from tally.ledger.format.identity import Identity, Refuse, check_identity, check_schemas
from tally.ledger.state.fold import FOLD_VERSION
from tally.ledger.storage.errors import FULL_CURE, LedgerDamaged, LedgerFull
from tally.ledger.storage.ledger import Ledger, Opened
from tally.registry.errors import RegistryError

REGISTRY_CURE: Final = (
    "Bring the registry at TALLY_REGISTRY_URL back: the partition goes on by itself once it answers. If it refuses the "
    "consumer, correct the settings of the registry and start the consumer again."
)

OPEN_CURE: Final = "Allow the consumer to read and write that folder and the files in it; it then goes on by itself."

_UNDECIDED_S: Final = 0.5
"""Kafka answers in milliseconds, or not before a transaction is decided: a takeover need not wait for the usual 5 s,
nor hold up that of other partitions."""


class PartitionRecovery:
    """Recovers partitions. Safe from several threads, one a partition."""

    def __init__(
        self,
        kafka: KafkaPorts,
        schemas: Schemas,
        ledger_dir: Path,
        *,
        topic: str,
        partitions: int,
        open_ledger: Callable[[Path, Identity], Opened | Refuse] = Ledger.open,
    ) -> None:
        """``partitions`` is the contract's number for the topic."""
        self._kafka = kafka
        self._schemas = schemas
        self._again = RecordsAgain(kafka.sums, schemas, partitions)
        self._verdicts = PublishedVerdicts(
            kafka.dead_letter_logs, kafka.dead_letters, self._again, kafka.publisher.settle
        )
        self._ledger_dir = ledger_dir
        self._topic = topic
        self._partitions = partitions
        self._open_ledger = open_ledger

    def directory(self, partition: int) -> Path:
        """Return where a partition's ledger lies."""
        return self._ledger_dir / f"{self._topic}-{partition}"

    def run(
        self, partition: int, ledger: OpenLedger | None, wait: SchemaWait | None
    ) -> tuple[RecoveryEvent, OpenLedger | None]:
        """Recover; return what came of it, and the ledger that is open after it. Raises LedgerFailed.

        ``ledger`` is given when it is open already, ``wait`` is that of ``Partition``.
        """
        keep = _Keep(ledger)
        event: RecoveryEvent
        try:
            event = self._run(partition, keep, wait)
        except KafkaTroubleError as error:
            event = RecoveryPostponed(keep.facts, str(error), error.cure)
        except LedgerFull as error:
            event = RecoveryPostponed(keep.facts, str(error), FULL_CURE)
        except SchemaUnavailable as error:
            # A registry that answers denies once and is asked again by itself; one that fails may need a person.
            cure = REGISTRY_CURE if isinstance(error.__cause__, RegistryError) else None
            event = RecoveryPostponed(keep.facts, str(error), cure)
        except OSError as error:
            event = RecoveryPostponed(keep.facts, f"{self.directory(partition)} cannot be opened: {error}", OPEN_CURE)
        except LedgerDamaged as error:
            event = RecoveryRefused(keep.facts, str(error), DAMAGED_CURE)
        return event, keep.ledger

    def _run(self, partition: int, keep: "_Keep", wait: SchemaWait | None) -> RecoveryEvent:
        # 1. what the records are read with
        own_schema_id = self._schemas.own().sums
        if wait is not None:
            self._schemas.resolve(wait)
        # 2. what the ledger must be the ledger of
        identity = self._identity(partition)
        if identity.partitions != self._partitions:
            return RecoveryRefused(keep.facts, *_partitions_changed(self._topic, identity.partitions, self._partitions))
        # 3. the ledger
        refusal = self._open(identity, keep)
        if refusal is not None:
            return RecoveryRefused(keep.facts, refusal.reason, refusal.cure)
        assert keep.ledger is not None
        ledger, facts = keep.ledger.opened.ledger, keep.ledger.facts
        directory = str(self.directory(partition))
        refusal = check_schemas(dict(ledger.schemas), self._schemas.pinned(ledger.schemas), directory)
        if refusal is not None:
            return RecoveryRefused(facts, refusal.reason, refusal.cure)
        # 4. what the group and the log say
        committed = self._committed(partition)
        ends = self._kafka.facts.log_ends([partition])[partition]
        anchor = self._again.anchor(partition, ledger)
        decision = recovery.decide(
            Facts(
                directory=directory,
                ledger=ledger.state,
                committed=committed,
                chain_at_committed=_chain_at_committed(ledger, committed),
                log_start=ends.start,
                log_end=ends.end,
                anchor=anchor,
                topic_id=identity.topic_id,
                fold_version=identity.fold_version,
            )
        )
        # 5. the verdicts that are published, and the poison that is not. A letter about a record that is not there yet
        # was written by somebody who cannot know it.
        match decision:
            case Retry(why):
                return RecoveryPostponed(facts, why)
            case Refuse(reason, cure):
                return RecoveryRefused(facts, reason, cure)
            case Continue() | Replay():
                place = Place(partition, identity.topic_id, own_schema_id, ends.end)
                claims, letters = self._verdicts.published(place, ledger, committed, decision)
                for note in decision.notes:
                    logger.bind(partition=partition).warning("recovery: {}", note)
                replay = decision if isinstance(decision, Replay) else None
                return RecoverySucceeded(facts, _offset_of(committed), replay, claims, letters)

    def _identity(self, partition: int) -> Identity:
        topic = self._kafka.facts.topic()
        return Identity(
            cluster_id=self._kafka.facts.cluster_id(),
            topic=self._topic,
            topic_id=topic.topic_id,
            partition=partition,
            partitions=topic.partitions,
            fold_version=FOLD_VERSION,
        )

    def _open(self, identity: Identity, keep: "_Keep") -> Refuse | None:
        directory = self.directory(identity.partition)
        if keep.ledger is not None:
            return check_identity(keep.ledger.identity, identity, str(directory))
        opened = self._open_ledger(directory, identity)
        if isinstance(opened, Refuse):
            return opened
        for mended in opened.recovered:
            logger.bind(partition=identity.partition).warning("ledger mended: {}", mended)
        keep.ledger = OpenLedger(opened, identity)
        return None

    def _committed(self, partition: int) -> Committed:
        """Kafka withholds an offset while a transaction with it is undecided; a killed owner may have left one."""
        try:
            return self._kafka.offsets.committed([partition], _UNDECIDED_S)[partition]
        except KafkaTroubleError:
            self._kafka.publisher.settle(partition)
            return self._kafka.offsets.committed([partition])[partition]


@dataclass(slots=True)
class _Keep:
    """The open ledger, so that it survives an error on the way."""

    ledger: OpenLedger | None

    @property
    def facts(self) -> LedgerFacts | None:
        return None if self.ledger is None else self.ledger.facts


def _chain_at_committed(ledger: Ledger, committed: Committed) -> bytes | None:
    if not isinstance(committed, Known) or committed.offset > ledger.state.next_offset:
        return None
    return ledger.view.chain_at(committed.offset)


def _offset_of(committed: Committed) -> int | None:
    match committed:
        case Known(offset, _):
            return offset
        case Absent() | Unreadable():
            return None


def _partitions_changed(topic: str, found: int, pinned: int) -> tuple[str, str]:
    return (
        f"topic {topic} has {found} partitions and the contract pins {pinned}: ids may be in two partitions",
        (
            "Partitions of a topic cannot be taken away: make a topic of a new name with the contract's number in "
            "contracts/topics (`codegen plan --offline` shows it) and copy the records there, see docs/OPERATIONS.md."
        ),
    )
