"""The topic as it is, compared with the contract: with which differences a producer must not go on."""

from tally.kafka.topic_identity import TopicIdentity


def objection(topic: str, seen: TopicIdentity, partitions: int, pinned_id: str | None) -> str | None:
    """Return why the producer must stop, and what to do, or None when nothing speaks against the topic.

    ``partitions`` is the contract's number; ``pinned_id`` is the topic's id at the producer's start, None before it.
    """
    if pinned_id is not None and seen.topic_id != pinned_id:
        return (
            f"the topic {topic} was deleted and created again: its id is {seen.topic_id}, it was {pinned_id}; the "
            f"acknowledged sums are not in it. Find out who deleted it; start the producer again only if the new topic "
            f"is intended"
        )
    if seen.partitions != partitions:
        return (
            f"the topic {topic} has {seen.partitions} partitions, but the contract pins {partitions}: the partition of "
            f"a request id depends on their number, so ids would be counted in two places. Partitions cannot be "
            f"removed: create a new topic with {partitions} (a new name in contracts/topics, or another cluster) and "
            f"copy the records there, see docs/OPERATIONS.md"
        )
    return None
