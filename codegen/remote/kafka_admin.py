"""Reads topics from Kafka and carries out the plan's actions there."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from codegen.errors import CodegenError, UnreachableError
from codegen.plan.terms import AlterTopic, CreateTopic, FoundTopic
from tally.kafka.config import without_values

REQUEST_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.05

_ACCESS: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
_PASSING: Final = frozenset(
    {
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError.UNKNOWN_TOPIC_OR_PART,  # of a topic that another broker told of: this one has not heard of it yet
    }
)


class KafkaNotReady(Exception):  # noqa: N818 - an outcome that is waited out, not an error to show
    """Kafka does not answer yet; the text says what was seen."""


class KafkaAdmin:
    """One cluster."""

    def __init__(self, servers: str, config: Mapping[str, str]) -> None:
        self.servers = config.get("bootstrap.servers", servers)
        self._last_error: KafkaError | None = None
        # librdkafka would write its connection attempts to the terminal; what matters arrives by error_cb.
        silent = logging.getLogger("codegen.kafka")
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        settings: dict[str, Any] = {"bootstrap.servers": servers, **config, "error_cb": self._remember}
        try:
            self._client = AdminClient(settings, logger=silent)
        except (KafkaException, ValueError, TypeError) as error:
            raise CodegenError(f"the Kafka client's configuration is wrong: {_words(error)}") from error

    def _remember(self, error: KafkaError) -> None:
        self._last_error = error

    def brokers(self, timeout_s: float) -> int:
        """Return the number of brokers. Raises KafkaNotReady, or UnreachableError when access is refused."""
        try:
            # A cluster that just started may name no broker yet.
            count = len(self._client.list_topics(timeout=timeout_s).brokers)
        except KafkaException as error:
            self._client.poll(_POLL_S)
            seen = self._last_error or error.args[0]
            self._raise_access(seen)
            raise KafkaNotReady(f"{seen.str()}") from error
        if count == 0:
            raise KafkaNotReady("no broker is registered yet")
        return count

    def read(self, names: Iterable[str]) -> dict[str, FoundTopic]:
        """Return the topics that are there. Raises KafkaNotReady while a topic's metadata is in the making."""
        found: dict[str, FoundTopic] = {}
        for name, future in self._client.describe_topics(
            TopicCollection(list(names)), request_timeout=REQUEST_TIMEOUT_S
        ).items():
            try:
                partitions = future.result().partitions
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    continue
                raise self._failed(error) from error
            found[name] = FoundTopic(len(partitions), min(len(p.replicas) for p in partitions), {})
        return {
            name: FoundTopic(topic.partitions, topic.replication_factor, self._config(name))
            for name, topic in found.items()
        }

    def _config(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ResourceType.TOPIC, name)
        future = self._client.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource]
        try:
            entries = future.result()
        except KafkaException as error:
            raise self._failed(error) from error
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}

    def create(self, action: CreateTopic) -> None:
        """Create a topic; one that somebody else created meanwhile is left to the verification."""
        topic = NewTopic(action.name, action.partitions, action.replication_factor, config=dict(action.config))
        future = self._client.create_topics([topic], request_timeout=REQUEST_TIMEOUT_S)[action.name]
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self._failed(error) from error

    def alter(self, action: AlterTopic) -> None:
        """Set the named configuration values of a topic and leave the others."""
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in action.config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, action.name, incremental_configs=entries)
        future = self._client.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource]
        try:
            future.result()
        except KafkaException as error:
            raise self._failed(error) from error

    def _failed(self, error: KafkaException) -> Exception:
        """Return the exception for a failed request: access, something that passes, or a refusal."""
        cause = error.args[0]
        self._raise_access(cause)
        if cause.retriable() or cause.code() in _PASSING:
            return KafkaNotReady(cause.str())
        return CodegenError(f"Kafka at {self.servers} refuses: {cause.str()}")

    def _raise_access(self, error: KafkaError) -> None:
        if error.code() in _ACCESS:
            raise UnreachableError(
                f"Kafka at {self.servers} refuses access: {error.str()}; give a client properties file with "
                "--kafka-config (security.protocol, sasl.*, ssl.*)",
                "tls" if error.code() == KafkaError._SSL else "unauthorised",
            )


def _words(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    return without_values(cause.str() if isinstance(cause, KafkaError) else str(error))
