"""What Kafka's answers mean to a publication."""

from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from codegen.errors import CodegenError
from codegen.plan.terms import AlterTopic
from codegen.remote.kafka_admin import KafkaAdmin, KafkaNotReady

TOPIC = "a.topic"


def answered(value: object) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def failed(code: int) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_exception(KafkaException(KafkaError(code)))
    return future


class Brokers:
    """One broker that knows the topic, and others that answer with an error."""

    def __init__(self, code: int) -> None:
        self._code = code

    def describe_topics(self, *_: Any, **__: Any) -> dict[str, "Future[Any]"]:
        """Answer as the broker that knows it."""
        return {TOPIC: answered(SimpleNamespace(partitions=[SimpleNamespace(replicas=[1, 2, 3])]))}

    def describe_configs(self, resources: list[Any], **_: Any) -> dict[Any, "Future[Any]"]:
        """Answer as another one."""
        return {resources[0]: failed(self._code)}

    incremental_alter_configs = describe_configs


def kafka(code: int) -> KafkaAdmin:
    admin = KafkaAdmin("127.0.0.1:1", {})
    brokers: Any = Brokers(code)
    admin._client = brokers
    return admin


@pytest.mark.parametrize(
    "ask",
    [lambda admin: admin.read([TOPIC]), lambda admin: admin.alter(AlterTopic(TOPIC, {"retention.ms": "1"}))],
    ids=["read", "alter"],
)
def test_a_broker_that_has_not_heard_of_a_topic_yet_is_waited_for(ask: Callable[[KafkaAdmin], object]) -> None:
    """A topic that one broker knows and another does not know yet is no refusal, as it was right after it was made."""
    with pytest.raises(KafkaNotReady):
        ask(kafka(KafkaError.UNKNOWN_TOPIC_OR_PART))
    with pytest.raises(CodegenError, match="refuses"):
        ask(kafka(KafkaError.INVALID_CONFIG))
