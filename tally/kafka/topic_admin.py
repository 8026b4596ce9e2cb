"""Asking the cluster for a topic's id and its number of partitions, which only an admin client can do.

Theory of operation. One client is made, for good, and it has one question in flight: an answer that comes when nobody
waits for it any more is the one thing at which librdkafka was seen to end the process (docs/LIMITS.md).
"""

import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription

from tally.kafka.errors import inner_of, text_of
from tally.kafka.topic_identity import TopicIdentity
from tally.kafka.trouble import TOPIC_MISSING_CURE, KafkaTroubleError, cure_of

_DURATION: Final = re.compile(r" \(after \d+ms in state [^)]*\)")
"""Left out, so that the same complaint is the same text and is logged once."""


class TopicAdmin:
    """Asks about one topic. Blocks until a deadline; safe from several threads."""

    def __init__(self, config: Mapping[str, Any], topic: str, timeout_s: float) -> None:
        """``config`` is what every client shares. Raises KafkaException when it is wrong."""
        self._topic = topic
        self._timeout_s = timeout_s
        self._complaint = ""
        self._turn = threading.Lock()
        self._unanswered: Future[TopicDescription] | None = None
        heard: dict[str, Any] = {"error_cb": self._on_error}
        self._admin = AdminClient({**config, **heard})

    def identity(self) -> TopicIdentity:
        """Return the topic's identity at this moment (1.3 ms seen). Raises KafkaTroubleError."""
        with self._one_at_a_time():
            wanted = TopicCollection([self._topic])
            asked = self._admin.describe_topics(wanted, request_timeout=self._timeout_s)[self._topic]
            try:
                # librdkafka keeps the request's own deadline; the second on top is for its thread to say so.
                found = asked.result(timeout=self._timeout_s + 1)
            except KafkaException as error:
                raise self._trouble(error) from error
            except TimeoutError as error:
                self._unanswered = asked
                raise self._late() from error
            self._admin.poll(0)  # what connections failed for meanwhile is of no more interest
        return TopicIdentity(str(found.topic_id), len(found.partitions))

    def cluster_id(self) -> str:
        """Return the id of the topic's cluster. Raises KafkaTroubleError."""
        with self._one_at_a_time():
            try:
                found = self._admin.list_topics(self._topic, timeout=self._timeout_s).cluster_id
            except KafkaException as error:
                raise self._trouble(error) from error
        if not found:
            raise KafkaTroubleError("Kafka did not return the cluster's id")
        return str(found)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self._timeout_s):
            raise self._late()
        try:
            if self._unanswered is not None and not self._unanswered.done():
                raise self._late()
            self._unanswered = None
            yield
        finally:
            self._turn.release()

    def _trouble(self, error: KafkaException) -> KafkaTroubleError:
        inner = inner_of(error)
        if isinstance(inner, KafkaError) and inner.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return KafkaTroubleError(f"the cluster has no topic {self._topic}", TOPIC_MISSING_CURE)
        self._complaint = ""
        self._admin.poll(0)  # the errors of connections come out of it: a time-out alone tells nothing of TLS or SASL
        cause = f"; {self._complaint}" if self._complaint else ""
        return KafkaTroubleError(f"{self._what()}: {text_of(error)}{cause}", cure_of(error))

    def _late(self) -> KafkaTroubleError:
        return KafkaTroubleError(f"{self._what()} in {self._timeout_s:g} s")

    def _what(self) -> str:
        return f"Kafka did not return the id of topic {self._topic}"

    def _on_error(self, error: KafkaError) -> None:
        """Keep why a connection failed, when waiting does not mend it."""
        if error.code() == KafkaError._SSL:
            self._complaint = (
                "TLS with a broker failed (has its certificate expired, is it another host's, or of an authority "
                f"that ssl.ca.location lacks?): {_DURATION.sub('', error.str())}"
            )
        elif error.code() == KafkaError._AUTHENTICATION:
            self._complaint = _DURATION.sub("", error.str())
