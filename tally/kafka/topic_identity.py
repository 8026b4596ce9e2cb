"""What tells one topic from another of the same name. Without I/O, so that cores may use it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """A topic as the cluster has it now. Kafka never gives a ``topic_id`` twice, not even to a topic of that name."""

    topic_id: str
    partitions: int
