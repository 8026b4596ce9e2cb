"""Records that nobody can read yet: what is told of them, and of transactions that only pass by."""

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tally.kafka.held_back import HeldBack, held_back, still_held_back


class Client:
    """A client that knows high watermarks from its last answers, and last stable offsets when it asks."""

    def __init__(self, high_watermark: int, *last_stable: int | KafkaException) -> None:
        self._high_watermark = high_watermark
        self._last_stable = list(last_stable)

    def get_watermark_offsets(
        self, partition: TopicPartition, /, timeout: float = -1.0, cached: bool = False
    ) -> tuple[int, int] | None:
        """Return both ends; the last answer of those that were given lasts."""
        if cached:
            return 0, self._high_watermark
        answer = self._last_stable.pop(0) if len(self._last_stable) > 1 else self._last_stable[0]
        if isinstance(answer, KafkaException):
            raise answer
        return 0, answer


@pytest.mark.parametrize(("high_watermark", "expected"), [(10, []), (13, [HeldBack(3, 10, 3)])])
def test_what_stands_between_the_end_and_the_high_watermark_is_held_back(
    high_watermark: int, expected: list[HeldBack]
) -> None:
    """A partition that ends before its high watermark has records that nobody can read yet, and any other has none."""
    assert held_back(Client(high_watermark), "t", {3: 10}) == expected


@pytest.mark.parametrize(
    ("last_stable", "expected"),
    [
        pytest.param([10, 10, 14], [], id="it passes by"),
        pytest.param([10], [HeldBack(3, 10, 3)], id="it stays"),
        pytest.param([KafkaException(KafkaError(KafkaError._TIMED_OUT))], [HeldBack(3, 10, 3)], id="no answer"),
    ],
)
def test_a_transaction_that_passes_by_is_not_told(
    last_stable: list[int | KafkaException], expected: list[HeldBack]
) -> None:
    """A transaction that ends within the wait is not told, one that stays open or is not known of is."""
    wait_s = 0.2 if expected else 60.0
    assert still_held_back(Client(13, *last_stable), "t", {3: 10}, wait_s, 1.0) == expected
