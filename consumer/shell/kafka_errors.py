"""Trouble with Kafka that passes: the caller pauses and tries again."""

from confluent_kafka import KafkaError, KafkaException


class KafkaTroubleError(Exception):
    """Kafka did not answer a question or answered with an error; the message is a sentence for a person."""


class ConsumerEndedError(Exception):
    """The consumer cannot go on in this process: another one took its place in the group, or librdkafka gave up."""


def text_of(error: KafkaException | KafkaError) -> str:
    """Return an error as a phrase: its name and what librdkafka says."""
    inner = error.args[0] if isinstance(error, KafkaException) and error.args else error
    return f"{inner.name()}: {inner.str()}" if isinstance(inner, KafkaError) else str(inner)


def is_fatal(error: KafkaError) -> bool:
    """Tell whether a client is finished. A fatal error that comes out of ``poll()`` has fatal() False (seen)."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL
