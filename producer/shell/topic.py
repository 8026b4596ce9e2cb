"""Asking the broker for the topic's id and number of partitions."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription

from producer.core.topic import TopicSeen

_LIMIT_S = 5.0
_DURATION = re.compile(r" \(after \d+ms in state [^)]*\)")
"""Left out, so that the same complaint is the same text and is told once."""


class TopicUnknownError(Exception):
    """The broker does not answer, or does not have the topic; asking again later may help."""


class TopicAdmin:
    """Asks about one topic. Blocking: asyncio callers go through a thread."""

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._complaint = ""
        limits: dict[str, Any] = {"socket.timeout.ms": int(_LIMIT_S * 1000), "error_cb": self._on_error}
        self._admin = AdminClient({**config, **limits})
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
            self._complaint = ""
            # The errors of connections come out of poll: a time-out alone tells nothing of TLS or SASL.
            self._admin.poll(0)
            text = f"{text}; {self._complaint}" if self._complaint else text
            raise TopicUnknownError(f"topic {self._topic}: {text}") from error
        return TopicSeen(str(described.topic_id), len(described.partitions))

    def _on_error(self, error: KafkaError) -> None:
        """Keep what a connection failed for, when waiting will not mend it."""
        if error.code() == KafkaError._SSL:
            self._complaint = (
                "TLS with a broker failed (has its certificate expired, is it another host's, or of an authority "
                f"that ssl.ca.location lacks?): {_DURATION.sub('', error.str())}"
            )
        elif error.code() == KafkaError._AUTHENTICATION:
            self._complaint = _DURATION.sub("", error.str())
