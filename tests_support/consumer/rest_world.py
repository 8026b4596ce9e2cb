"""REST without Kafka: the application over a real ledger and a board that a test paints."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consumer.core.partition.state import Running, State, Unassigned
from consumer.core.snapshot import Elsewhere, Figures, Outside, Own, Snapshot, figures_of, unready_partitions
from consumer.rest.app import build_app
from consumer.rest.common.methods import EveryMethod
from consumer.rest.events import total_text
from consumer.rest.guard.guarded import GuardedHttp, GuardLimits
from consumer.rest.parts import RestParts
from consumer.shell.jobs.record import AuditRecord, ExportRecord
from consumer.shell.jobs.store import JobLimits, JobStore
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.feed import Feed
from consumer.shell.views.readers import Readers
from observability.asgi import App
from tally.ledger.state.counts import Counts
from tally.ledger.storage.ledger import Opened
from tests_support.ledger.files import append_batch, opened
from tests_support.ledger.records import PARTITION, Record, addition

PARTITIONS = 12
OTHER = 4
UNKNOWN = 5
LISTENERS_MAX = 2
GUARD = GuardLimits(names=frozenset({"localhost", "testserver.local"}), own_url="http://here:8000", body_timeout_s=1.0)
"""The second name is that of Litestar's test client."""


@dataclass
class RestWorld:
    """An application, and the picture behind it. Partition 3 has a ledger, 4 is another replica's, 5 is nobody's."""

    app: App
    board: SnapshotBoard
    feed: Feed
    readers: Readers
    opened: Opened
    figures: Figures
    exports: JobStore[ExportRecord]

    def show(self, state: State, figures: Figures | None = None) -> None:
        """Show partition 3 in a state, with its ledger's figures or others."""
        parts = [Own(number, Running(), Figures(0, Counts())) for number in range(PARTITIONS)]
        parts[PARTITION] = Own(PARTITION, state, figures or self.figures, position=self.figures.next_offset)
        parts[OTHER] = Own(OTHER, Unassigned())
        parts[UNKNOWN] = Own(UNKNOWN, Unassigned())
        self.board.publish(Snapshot(self.board.snapshot.version + 1, tuple(parts), assigned=True))


@contextmanager
def rest_world(directory: Path, **overrides: Any) -> Iterator[RestWorld]:
    """Yield an application whose files lie in ``directory``; ``overrides`` are fields of RestParts."""
    ledger = opened(directory=directory / "ledger")
    records = [addition(0, 0, a=5, b=-7), addition(2, 1), addition(3, 0, a=5, b=-7), addition(4, 0, a=1, b=1)]
    append_batch(ledger.ledger, ledger.index, [*records, Record(5, 1_764_000_000_000, b"k", b"junk")])
    board, readers = SnapshotBoard(PARTITIONS, waiters_max=2), Readers()
    readers.put(PARTITION, ledger)
    elsewhere = Elsewhere(Figures(9, Counts(3, total=10**9)), "http://other:8000/")
    board.publish_outside(
        Outside(
            elsewhere={OTHER: elsewhere},
            committed={PARTITION: 6},
            last_stable={PARTITION: 8},
            high_watermark={PARTITION: 8},
        )
    )
    exports = JobStore(directory / "exports", ExportRecord, "exports", JobLimits(3, 3))
    audits = JobStore(directory / "audits", AuditRecord, "audits", JobLimits(3, 3))
    feed = Feed(board, total_text, LISTENERS_MAX)
    parts = RestParts(
        **{
            "board": board,
            "readers": readers,
            "exports": exports,
            "audits": audits,
            "feed": feed,
            "unready": lambda: unready_partitions(board.snapshot, board.outside),
            "topic": "tally.sums.v1",
            "partitions": PARTITIONS,
            "owner_url": "http://here:8000",
            "wait_ms_max": 30_000,
            "page_rows_max": 1_000,
            "metrics": lambda accept, asked_s: (b"", "text/plain"),
            **overrides,
        }
    )
    app = GuardedHttp(EveryMethod(build_app(parts)), GUARD)
    made = RestWorld(app, board, feed, readers, ledger, figures_of(ledger.ledger.state), exports)
    made.show(Running())
    yield made
    exports.close()
    audits.close()
    ledger.ledger.close()
