"""The topic as it is against the topic of the contract: which differences a producer must not go on with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TopicSeen:
    """What the broker says of a topic. Kafka never gives an id twice, not even to a topic of the same name."""

    topic_id: str
    partitions: int


def objection(topic: str, seen: TopicSeen, partitions: int, pinned_id: str | None) -> str:
    """Return why the producer must stop, with the way out, or nothing.

    ``partitions`` is the contract's number; ``pinned_id`` the topic's id at the producer's start, None before.
    """
    if pinned_id is not None and seen.topic_id != pinned_id:
        return (
            f"the topic {topic} was made again: its id is {seen.topic_id}, it was {pinned_id}; what was acknowledged "
            f"is not in it. Find out who deleted it; start the producer again only if the new topic is meant"
        )
    if seen.partitions != partitions:
        return (
            f"the topic {topic} has {seen.partitions} partitions, the contract pins {partitions}: the partition of a "
            f"request id depends on the number, so ids would be counted in two places. Partitions cannot be taken "
            f"away: make a new topic with {partitions} (a new name in contracts/topics, or another cluster) and copy "
            f"the records there, see docs/OPERATIONS.md"
        )
    return ""
