"""Whether this replica is ready to be asked: every reason why it is not."""

from consumer.core.snapshot import Unready, unready_partitions
from consumer.shell.kafka.source import KafkaSource
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.observer import Observer


class Readiness:
    """``ending`` is set when the process begins to end. Safe from several threads."""

    def __init__(self, board: SnapshotBoard, source: KafkaSource, observer: Observer) -> None:
        self._board = board
        self._source = source
        self._observer = observer
        self.ending = False

    def reasons(self) -> list[Unready]:
        """Return every reason for which this replica is not ready, none when it is."""
        reasons = [Unready("process", "it is ending")] if self.ending else []
        trouble = self._kafka_trouble()
        if trouble is not None:
            reasons.append(Unready("kafka", trouble))
        return reasons + unready_partitions(self._board.snapshot, self._board.outside)

    def _kafka_trouble(self) -> str | None:
        """The client complains at once, the observer notices after its time-out; only it knows that it is over."""
        complaint = self._source.complaint
        if self._observer.trouble is None and complaint is not None and complaint.at_s > self._observer.answered_at_s:
            return complaint.text
        return self._observer.trouble
