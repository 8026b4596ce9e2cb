"""Asking the broker for the topic's id and number of partitions."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription

from producer.core.topic import TopicSeen

_LIMIT_S = 5.0


class TopicUnknownError(Exception):
    """The broker does not answer, or does not have the topic; asking again later may help."""


class TopicAdmin:
    """Asks about one topic. Blocking: asyncio callers go through a thread."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._admin = AdminClient({**config, "socket.timeout.ms": int(_LIMIT_S * 1000)})
        self._topic = topic

    def seen(self) -> TopicSeen:
        """Return the topic as it is now. Raises TopicUnknownError."""
        asked: Future[TopicDescription] = self._admin.describe_topics(
            TopicCollection([self._topic]), request_timeout=_LIMIT_S
        )[self._topic]
        try:
            described = asked.result(_LIMIT_S + 1.0)
        except (KafkaException, TimeoutError) as error:
            text = error.args[0].str() if isinstance(error, KafkaException) else "no answer"
            raise TopicUnknownError(f"topic {self._topic}: {text}") from error
        return TopicSeen(str(described.topic_id), len(described.partitions))
