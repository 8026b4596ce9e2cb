"""Looking outside at a bounded rate: what other replicas committed, and where the logs end.

A thread of its own, so that a slow answer holds up neither counting nor REST. It also writes ``totals.json`` beside the
ledgers: for people, replaced atomically, never read back.
"""

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from consumer.core.open_transactions import OpenTransaction, held, open_transactions
from consumer.core.recovery import Known
from consumer.core.snapshot import Elsewhere, Figures, Outside, Total, total_of
from consumer.shell.kafka.ports import CommittedOffsets, Identities
from consumer.shell.views.board import SnapshotBoard
from tally.base.written_file import write_file
from tally.event.decimals import text_of
from tally.kafka.transactions_tool import TopicAddress
from tally.kafka.trouble import KafkaTroubleError
from tally.ledger.format.witness import Witness


class Observer:
    """``run`` is the thread's function; ``trouble`` says what Kafka did not answer last time."""

    def __init__(
        self,
        facts: Identities,
        offsets: CommittedOffsets,
        board: SnapshotBoard,
        totals_path: Path,
        *,
        partitions: int,
        refresh_s: float,
        totals_interval_s: float,
        address: TopicAddress,
        foreign_after_s: float,
    ) -> None:
        """``foreign_after_s``: a transaction that is open for so long is not ours."""
        self._facts = facts
        self._offsets = offsets
        self._board = board
        self._totals_path = totals_path
        self._partitions = range(partitions)
        self._refresh_s = refresh_s
        self._totals_interval_s = totals_interval_s
        self._address = address
        self._foreign_after_s = foreign_after_s
        self._transactions: dict[int, OpenTransaction] = {}
        self._stopping = threading.Event()
        self._totals_version = -1
        self._totals_at_s = 0.0
        self._totals_trouble: str | None = None
        self.trouble: str | None = None
        self.answered_at_s = 0.0
        """When the questions were asked that Kafka last answered, by the monotonic clock."""

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()

    def run(self) -> None:
        """Look, until stopped."""
        while not self._stopping.is_set():
            self._look()
            self._write_totals()
            self._stopping.wait(self._refresh_s)
        self._totals_at_s = 0.0
        self._write_totals()

    def _look(self) -> None:
        asked_at_s = time.monotonic()
        try:
            topic_id = self._facts.topic().topic_id
            committed = self._offsets.committed(self._partitions)
            high_watermarks = self._facts.high_watermarks(self._partitions)
            ends = self._facts.log_ends(self._partitions)  # after these: see open_transactions
        except KafkaTroubleError as error:
            if self.trouble is None:
                logger.warning("Kafka does not say where the partitions stand: {}", error)
            self.trouble = str(error)
            return
        self.trouble = None
        self.answered_at_s = asked_at_s
        last_stable = {partition: end.end for partition, end in ends.items()}
        now_s = time.monotonic()
        self._transactions = open_transactions(self._transactions, high_watermarks, last_stable, now_s)
        held_up = held(self._transactions, now_s, self._foreign_after_s, self._address)
        for partition in held_up.keys() - self._board.outside.held.keys():
            logger.warning(
                "held up, partition {}: it {}. {}", partition, held_up[partition].reason, held_up[partition].cure
            )
        known = {partition: found for partition, found in committed.items() if isinstance(found, Known)}
        self._board.publish_outside(
            Outside(
                topic_id=topic_id,
                elsewhere={
                    partition: _elsewhere(found.offset, found.witness)
                    for partition, found in known.items()
                    if isinstance(found.witness, Witness) and found.witness.topic_id == topic_id
                },
                committed={partition: found.offset for partition, found in known.items()},
                low={partition: end.start for partition, end in ends.items()},
                last_stable=last_stable,
                high_watermark=high_watermarks,
                held=held_up,
            )
        )

    def _write_totals(self) -> None:
        snapshot = self._board.snapshot
        now_s = time.monotonic()
        if snapshot.version == self._totals_version or now_s - self._totals_at_s < self._totals_interval_s:
            return
        try:
            _write_totals(self._totals_path, total_of(snapshot, self._board.outside), datetime.now(UTC).isoformat())
        except OSError as error:
            if str(error) != self._totals_trouble:
                logger.warning("totals.json was not written: {}", error)
            self._totals_trouble = str(error)
            return
        self._totals_trouble = None
        self._totals_version = snapshot.version
        self._totals_at_s = now_s


def _elsewhere(offset: int, witness: Witness) -> Elsewhere:
    return Elsewhere(Figures(offset, witness.counts), witness.owner_url)


def _write_totals(path: Path, total: Total, as_of: str) -> None:
    """Replace the file. Raises OSError; the ledgers do not depend on it, so it is not synced."""
    content = {
        "about": "For people. The ledgers are the truth; nothing reads this file.",
        "as_of": as_of,
        "total": text_of(total.counts.total),
        "count": total.counts.counted,
        "duplicates": total.counts.duplicates,
        "conflicts": total.counts.conflicts,
        "poison": total.counts.poison,
        "complete": total.complete,
        "partitions": [
            {
                "partition": part.partition,
                "state": part.state.value,
                "next_offset": None if part.figures is None else part.figures.next_offset,
                "count": None if part.figures is None else part.figures.counts.counted,
                "total": None if part.figures is None else text_of(part.figures.counts.total),
            }
            for part in total.partitions
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(content, indent=2) + "\n", durable=False)
