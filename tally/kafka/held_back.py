"""What readers of committed records cannot read yet: records behind the end, held back by a transaction that is open.

Theory of operation. A reader ends at the last stable offset, where the oldest open transaction of the partition begins.
Kafka tells the high watermark with each answer, so the client knows without another question whether anything stands
behind that end. Transactions of ours are open for milliseconds; who must not take one for somebody else's looks again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from confluent_kafka import KafkaException, TopicPartition

_LOOK_AGAIN_S: Final = 0.1


class WatermarkClient(Protocol):
    """What `held_back` needs of a client that has read; `confluent_kafka.Consumer` has it."""

    def get_watermark_offsets(
        self, partition: TopicPartition, /, timeout: float = ..., cached: bool = ...
    ) -> tuple[int, int] | None:
        """Return the log's first offset and its last stable one; ``cached`` the high watermark of the last answer."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Records of a partition that nobody can read yet, since a transaction is open: from ``offset`` on up to so many,
    markers of other transactions among them."""

    partition: int
    offset: int
    records_max: int


def held_back(client: WatermarkClient, topic: str, ends: Mapping[int, int]) -> list[HeldBack]:
    """Return what was held back behind these ends (by partition) when the client's last answers came.

    Kafka tells the high watermark with each answer, so it is not asked again.
    """
    found = []
    for partition, end in sorted(ends.items()):
        known = client.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        if known is not None and known[1] > end:
            found.append(HeldBack(partition, end, known[1] - end))
    return found


def still_held_back(
    client: WatermarkClient, topic: str, ends: Mapping[int, int], wait_s: float, answer_s: float
) -> list[HeldBack]:
    """Return what is held back and stays so for a while, which transactions of ours do not.

    ``answer_s`` is the longest wait for one answer; what Kafka does not answer counts as held back.
    """
    found = held_back(client, topic, ends)
    until_s = time.monotonic() + wait_s
    while found and time.monotonic() < until_s:
        time.sleep(_LOOK_AGAIN_S)
        found = [one for one in found if not _has_moved(client, topic, one, answer_s)]
    return found


def _has_moved(client: WatermarkClient, topic: str, one: HeldBack, answer_s: float) -> bool:
    try:
        ends = client.get_watermark_offsets(TopicPartition(topic, one.partition), timeout=answer_s)
    except KafkaException:
        return False
    return ends is not None and ends[1] > one.offset
