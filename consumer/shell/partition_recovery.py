"""Recovery of one partition: gather what ledger, topic and group say, and let ``recovery.decide`` decide.

Runs in a thread beside the ingest loop, while the partition is not read. It changes nothing but the ledger's own files
(``Ledger.open`` mends them); what to do next is its return value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from loguru import logger

from consumer.core import recovery
from consumer.core.dead_letter import Letter, letters_of
from consumer.core.event import Fetched, SchemaUnavailable, decode
from consumer.core.fold import FOLD_VERSION
from consumer.core.recovery import (
    Absent,
    Anchor,
    AnchorGone,
    Committed,
    Continue,
    Facts,
    Identity,
    Known,
    NoAnchor,
    Refuse,
    Replay,
    Retry,
    Unreadable,
)
from consumer.core.rows import POISON, Rows, previous_offset
from consumer.core.schema_wait import SchemaWait
from consumer.shell.group_offsets import GroupOffsets
from consumer.shell.held import Held
from consumer.shell.kafka_errors import KafkaTroubleError
from consumer.shell.kafka_facts import KafkaFacts, TopicMissingError
from consumer.shell.ledger_errors import LedgerDamaged, LedgerFull
from consumer.shell.ledger_file import Ledger, Opened
from consumer.shell.record_reader import RecordReader
from consumer.shell.schemas import Schemas

DAMAGED_CURE: Final = (
    "Start the consumer again: it puts damaged files aside and reads their rows from the topic. `tally verify data` "
    "tells what is damaged."
)

_UNDECIDED_S: Final = 0.5
"""Kafka answers in milliseconds, or not before a transaction is decided: a takeover need not wait for the usual 5 s,
nor hold up that of other partitions."""


@dataclass(frozen=True)
class Recovered:
    """Read on as ``decision`` says.

    ``committed`` is the group's offset; ``verdicts`` and ``letters`` are those of ``Slot``.
    """

    held: Held
    decision: Continue | Replay
    committed: int | None
    verdicts: Mapping[int, int] = field(default_factory=dict)
    letters: tuple[Letter, ...] = ()


@dataclass(frozen=True)
class NotNow:
    """Try again later; the ledger may be open already."""

    held: Held | None
    reason: str


@dataclass(frozen=True)
class RefusedNow:
    """A person is needed; the ledger may be open, for reading only."""

    held: Held | None
    reason: str
    cure: str


RecoveryOutcome = Recovered | NotNow | RefusedNow


class PartitionRecovery:
    """Knows where to ask. Safe from several threads, one a partition."""

    def __init__(
        self,
        *,
        facts: KafkaFacts,
        offsets: GroupOffsets,
        schemas: Schemas,
        sums: RecordReader,
        dead_letter_facts: KafkaFacts,
        dead_letters: RecordReader,
        settle: Callable[[int], None],
        ledger_dir: Path,
        topic: str,
        partitions: int,
        open_ledger: Callable[[Path, Identity], Opened | Refuse] = Ledger.open,
    ) -> None:
        """``partitions`` is the contract's number for the topic; ``settle`` is that of DeadLetterPublisher."""
        self._settle = settle
        self._facts = facts
        self._offsets = offsets
        self._schemas = schemas
        self._sums = sums
        self._dead_letter_facts = dead_letter_facts
        self._dead_letters = dead_letters
        self._ledger_dir = ledger_dir
        self._topic = topic
        self._partitions = partitions
        self._open_ledger = open_ledger

    def directory(self, partition: int) -> Path:
        """Return where a partition's ledger lies."""
        return self._ledger_dir / f"{self._topic}-{partition}"

    def run(self, partition: int, held: Held | None, wait: SchemaWait | None) -> RecoveryOutcome:
        """Recover. ``held`` is the ledger when it is open already, ``wait`` that of ``Slot``. Raises LedgerFailed."""
        keep = _Keep(held)
        try:
            return self._run(partition, keep, wait)
        except (KafkaTroubleError, SchemaUnavailable, LedgerFull, TopicMissingError) as error:
            return NotNow(keep.held, str(error))
        except OSError as error:
            return NotNow(keep.held, f"{self.directory(partition)} cannot be opened: {error}")
        except LedgerDamaged as error:
            return RefusedNow(keep.held, str(error), DAMAGED_CURE)

    def _run(self, partition: int, keep: "_Keep", wait: SchemaWait | None) -> RecoveryOutcome:
        # 1. what the records are read with
        self._schemas.own()
        if wait is not None:
            self._schemas.resolve(wait)
        # 2. what the ledger must be the ledger of
        identity = self._identity(partition)
        if identity.partitions != self._partitions:
            return RefusedNow(keep.held, *_partitions_changed(self._topic, identity.partitions, self._partitions))
        # 3. the ledger
        refusal = self._hold(identity, keep)
        if refusal is not None:
            return RefusedNow(keep.held, refusal.reason, refusal.cure)
        held = keep.held
        assert held is not None
        ledger = held.opened.ledger
        directory = str(self.directory(partition))
        refusal = recovery.check_schemas(dict(ledger.schemas), self._schemas.pinned(ledger.schemas), directory)
        if refusal is not None:
            return RefusedNow(held, refusal.reason, refusal.cure)
        # 4. what the group and the log say
        committed = self._committed(partition)
        ends = self._facts.log_ends([partition])[partition]
        anchor = self._anchor(partition, ledger)
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
        # 5. the verdicts that are published, and the poison that is not
        match decision:
            case Retry(why):
                return NotNow(held, why)
            case Refuse(reason, cure):
                return RefusedNow(held, reason, cure)
            case Continue() | Replay():
                verdicts, letters = self._verdicts(partition, ledger, committed, decision, identity.topic_id)
                return Recovered(held, decision, _offset_of(committed), verdicts, letters)

    def _identity(self, partition: int) -> Identity:
        topic = self._facts.topic()
        return Identity(
            cluster_id=self._facts.cluster_id(),
            topic=self._topic,
            topic_id=topic.topic_id,
            partition=partition,
            partitions=topic.partitions,
            fold_version=FOLD_VERSION,
        )

    def _hold(self, identity: Identity, keep: "_Keep") -> Refuse | None:
        directory = self.directory(identity.partition)
        if keep.held is not None:
            return recovery.check_identity(keep.held.identity, identity, str(directory))
        opened = self._open_ledger(directory, identity)
        if isinstance(opened, Refuse):
            return opened
        for mended in opened.recovered:
            logger.bind(partition=identity.partition).warning("ledger mended: {}", mended)
        keep.held = Held(opened, identity)
        return None

    def _committed(self, partition: int) -> Committed:
        """Kafka withholds an offset while a transaction with it is undecided; a killed owner may have left one."""
        try:
            return self._offsets.committed([partition], _UNDECIDED_S)[partition]
        except KafkaTroubleError:
            self._settle(partition)
            return self._offsets.committed([partition])[partition]

    def _anchor(self, partition: int, ledger: Ledger) -> Anchor:
        last = previous_offset(ledger.state.next_offset)
        row = ledger.row_at(last)
        if row is None:
            return NoAnchor()
        record = self._sums.records_at(partition, [last])
        if len(record.offsets) == 0:
            return AnchorGone()
        return recovery.compare_anchor(row, self._decoded_like(record, row))

    def _decoded_like(self, record: Fetched, row: Rows) -> Rows:
        """Decode a record again; of poison the verdict stands, and its digest tells whether it is the same."""
        verdicts = {int(row["offset"][0]): int(row["reason"][0])} if row["kind"][0] == POISON else {}
        name = record.schema_name(0)
        wait = SchemaWait({} if verdicts or name is None else {name: int(record.offsets[0])}, 0)
        self._schemas.resolve(wait)  # the ledger pins ids and no GUIDs
        view = self._schemas.view(wait)
        return decode(
            record,
            partitions=self._partitions,
            fast_schema_ids=view.fast_ids,
            general=view.general,
            verdicts=verdicts,
        ).rows

    def _verdicts(
        self, partition: int, ledger: Ledger, committed: Committed, decision: Continue | Replay, topic_id: str
    ) -> tuple[dict[int, int], tuple[Letter, ...]]:
        if isinstance(decision, Replay):
            # Below the committed offset every poison has its dead letter: what it says is not decided again.
            published = self._published(partition, topic_id)
            return {offset: reason for offset, reason in published.items() if offset < decision.until}, ()
        poison = ledger.poison_since(committed.offset if isinstance(committed, Known) else 0)
        if len(poison) == 0 and isinstance(committed, Known):
            return {}, ()
        # What has a dead letter only that topic knows: a group's offset may be absent, and one that was held back on
        # its way may have arrived behind a later one.
        published = self._published(partition, topic_id)
        waiting = [offset not in published for offset in poison["offset"].tolist()]
        return ({} if isinstance(committed, Known) else published), self._letters(partition, poison[waiting])

    def _published(self, partition: int, topic_id: str) -> dict[int, int]:
        ends = self._dead_letter_facts.log_ends([partition])[partition]
        return self._dead_letters.verdicts(partition, topic_id, ends.start) if ends.end > ends.start else {}

    def _letters(self, partition: int, poison: Rows) -> tuple[Letter, ...]:
        """Read poison rows' records again. One that is gone from the topic is published without its bytes."""
        if len(poison) == 0:
            return ()
        reasons = dict(zip(poison["offset"].tolist(), poison["reason"].tolist(), strict=True))
        fetched = self._sums.records_at(partition, list(reasons))
        found = {letter.offset: letter for letter in self._judged_again(fetched, reasons)}
        timestamps = dict(zip(poison["offset"].tolist(), poison["timestamp_us"].tolist(), strict=True))
        gone = "the record is gone from the topic"
        return tuple(
            found.get(offset) or Letter(partition, offset, timestamps[offset] // 1000, reason, gone, None, None, None)
            for offset, reason in reasons.items()
        )

    def _judged_again(self, fetched: Fetched, reasons: Mapping[int, int]) -> list[Letter]:
        """Return letters with the rows' reasons, which stand whatever the registry says today."""
        view = self._schemas.view()
        decoded = decode(
            fetched,
            partitions=self._partitions,
            fast_schema_ids=view.fast_ids,
            general=view.general,
            verdicts=reasons,
        )
        return letters_of(fetched, decoded.poison)


@dataclass(slots=True)
class _Keep:
    """The open ledger, so that it survives an error on the way."""

    held: Held | None


def _chain_at_committed(ledger: Ledger, committed: Committed) -> bytes | None:
    if not isinstance(committed, Known) or committed.offset > ledger.state.next_offset:
        return None
    return ledger.chain_at(committed.offset)


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
