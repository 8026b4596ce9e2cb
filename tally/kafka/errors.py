"""What an error of Kafka's client is: its text, whether the client is finished, whether it passes by itself."""

from typing import Final, TypeAlias

from confluent_kafka import KafkaError, KafkaException

AnyKafkaError: TypeAlias = KafkaException | KafkaError

STAYS: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.ILLEGAL_SASL_STATE,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.SECURITY_DISABLED,
        KafkaError._SSL,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_CONFIG,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._BAD_MSG,
        KafkaError.INVALID_MSG,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
        KafkaError._UNSUPPORTED_FEATURE,
    }
)
"""Codes of errors that stay until a person acts. Any other passes: a broker that is away, a leader that moves."""


def text_of(error: AnyKafkaError) -> str:
    """Return an error as a phrase: its name and what librdkafka says."""
    inner = inner_of(error)
    return f"{inner.name()}: {inner.str()}" if isinstance(inner, KafkaError) else str(inner)


def is_fatal(error: KafkaError) -> bool:
    """Tell whether a client is finished. A fatal error that comes out of ``poll()`` has fatal() False (seen)."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def stays(error: AnyKafkaError) -> bool:
    """Tell whether waiting does not mend an error."""
    inner = inner_of(error)
    return not isinstance(inner, KafkaError) or is_fatal(inner) or inner.code() in STAYS


def inner_of(error: AnyKafkaError) -> object:
    """Return the KafkaError within an exception, or whatever it carries instead."""
    return error.args[0] if isinstance(error, KafkaException) and error.args else error
