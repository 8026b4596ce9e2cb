"""A lane's transactional client: `tally.kafka.transactions`, and reading back what became of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from producer.core.lane_events import WasReadBack
from producer.core.ports import Place
from producer.shell.read_back import read_back
from tally.base.fault_points import point
from tally.kafka.transactions import KafkaTransactions, Limits, TransactionPoints

_POINTS: Final = TransactionPoints(
    before_init=point("producer.before_init"),
    after_init=point("producer.after_init"),
    after_begin=point("producer.after_begin"),
    after_produce=point("producer.after_produce"),
    before_commit=point("producer.before_commit"),
    commit_unanswered=point("producer.commit_unanswered"),
    after_commit=point("producer.after_commit"),
    before_abort=point("producer.before_abort"),
    after_abort=point("producer.after_abort"),
)


class LaneClient(KafkaTransactions):
    """`producer.core.ports.LaneTransactions` on a real broker."""

    def __init__(self, config: Mapping[str, Any], consumer_config: Mapping[str, Any], topic: str) -> None:
        """Make nothing yet; ``config`` is `transactional_config`'s, ``consumer_config`` what any client needs."""
        limits = Limits(produce_s=int(config["message.timeout.ms"]) / 1000 + 1.0)
        super().__init__(config, topic, limits, _POINTS)
        self._consumer_config = consumer_config
        self._sums = topic

    def read_back(self, places: Sequence[Place]) -> WasReadBack:
        """See the port."""
        return read_back(self._consumer_config, self._sums, places)
