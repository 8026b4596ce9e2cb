"""What an error of Kafka's client means: its text, and whether the client is finished."""

from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException

AnyKafkaError: TypeAlias = KafkaException | KafkaError


def text_of(error: AnyKafkaError) -> str:
    """Return an error as a phrase: its name and what librdkafka says."""
    inner = inner_of(error)
    return f"{inner.name()}: {inner.str()}" if isinstance(inner, KafkaError) else str(inner)


def is_fatal(error: KafkaError) -> bool:
    """Tell whether a client is finished. A fatal error that comes out of ``poll()`` has fatal() False (seen)."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def inner_of(error: AnyKafkaError) -> object:
    """Return the KafkaError within an exception, or whatever it carries instead."""
    return error.args[0] if isinstance(error, KafkaException) and error.args else error
