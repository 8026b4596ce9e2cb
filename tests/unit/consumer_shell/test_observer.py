"""Looking at the ends of logs, over the Kafka in memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consumer.core.snapshot import lag_of
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.observer import Observer
from tally.kafka.transactions_tool import TopicAddress
from tests_support.kafka.broker import Broker, Transaction
from tests_support.kafka.consumer_side import Facts
from tests_support.ledger.records import PARTITION, PARTITIONS
from tests_support.waiting import eventually

WAIT_S = 20.0


@contextmanager
def observed(broker: Broker, folder: Path, foreign_after_s: float) -> Iterator[SnapshotBoard]:
    board = SnapshotBoard(PARTITIONS, waiters_max=1)
    facts = Facts(broker)
    observer = Observer(
        facts,
        facts,
        board,
        folder / "totals.json",
        partitions=PARTITIONS,
        refresh_s=0.01,
        totals_interval_s=60.0,
        address=TopicAddress("tally.sums.v1", "here:9092"),
        foreign_after_s=foreign_after_s,
    )
    thread = threading.Thread(target=observer.run)
    thread.start()
    try:
        yield board
    finally:
        observer.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_a_partition_is_held_up_from_the_bound_until_the_transaction_ends(tmp_path: Path) -> None:
    """It is shown with age and offset once a transaction is older than the bound, and no more once that ended."""
    broker, stranger = Broker(), Transaction()
    broker.log(PARTITION).commit([(b"k", b"v")])
    broker.log(PARTITION).append(b"k", b"v", stranger)
    broker.log(PARTITION).commit([(b"k", b"v")])
    with observed(broker, tmp_path, foreign_after_s=0.05) as board:
        held = eventually(lambda: board.outside.held.get(PARTITION), WAIT_S, "the partition is held up")
        assert held.open_s >= 0.05
        assert "from offset 2 on" in held.reason
        assert (board.outside.last_stable[PARTITION], board.outside.high_watermark[PARTITION]) == (2, 5)
        assert list(board.outside.held) == [PARTITION]
        stranger.committed = False
        broker.log(PARTITION).mark()
        eventually(lambda: not board.outside.held, WAIT_S, "nothing is held up")


def test_an_open_transaction_within_the_bound_is_nothing_to_tell(tmp_path: Path) -> None:
    """A transaction that is younger than the bound counts in the lag, and holds nothing up yet."""
    broker = Broker()
    broker.log(PARTITION).append(b"k", b"v", Transaction())
    with observed(broker, tmp_path, foreign_after_s=3_600.0) as board:
        eventually(lambda: board.outside.high_watermark.get(PARTITION) == 1, WAIT_S, "the log's ends are known")
        assert board.outside.held == {}
        assert lag_of(board.snapshot.partitions[PARTITION], board.outside) is None
