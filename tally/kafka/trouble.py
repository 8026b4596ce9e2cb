"""Trouble with Kafka: what passes by itself, and what stays until a person has acted, with the cure.

Either way the caller pauses and tries again, so that nobody has to start the consumer once the cause is gone.
"""

from collections.abc import Mapping
from typing import Final

from confluent_kafka import KafkaError

from tally.base.hints import hint
from tally.kafka.errors import AnyKafkaError, inner_of, is_fatal, text_of


class KafkaTroubleError(Exception):
    """Kafka did not answer a question or answered with an error; the message is a sentence for a person.

    ``cure`` is None when the trouble passes by itself.
    """

    def __init__(self, message: str, cure: str | None = None) -> None:
        super().__init__(message)
        self.cure = cure


class OpenTransactionError(KafkaTroubleError):
    """Records of a partition cannot be read yet, since a transaction is open; it may be one of ours that its program
    left behind."""


class TooLargeAloneError(Exception):
    """A batch that no client can read: it decompresses to more than librdkafka takes, even read alone."""


class ConsumerEndedError(Exception):
    """The consumer cannot go on in this process: another one took its place in the group, or librdkafka gave up."""


def trouble(what: str, error: AnyKafkaError) -> KafkaTroubleError:
    """Return what went wrong as an exception with its cure, where it needs one."""
    return KafkaTroubleError(f"{what}: {text_of(error)}", cure_of(error))


def stays(error: AnyKafkaError) -> bool:
    """Tell whether an error remains however long one waits."""
    inner = inner_of(error)
    return not isinstance(inner, KafkaError) or is_fatal(inner) or inner.code() in CURES


def cure_of(error: AnyKafkaError) -> str | None:
    """Return what a person must do about an error that stays; None for one that passes."""
    inner = inner_of(error)
    return cure_of_code(inner.code()) if isinstance(inner, KafkaError) else None


def cure_of_code(code: int | None) -> str | None:
    """Return what a person must do about an error of that code; None for one that passes, and without a code."""
    return CURES.get(code) if code is not None else None


_ACLS: Final = (
    "Grant the consumer's principal by Kafka's ACLs: READ and DESCRIBE on both topics and on the group, "
    "WRITE on the dead-letter topic, and WRITE on the transactional ids tally-dlt-*. Counting then resumes by itself."
)
_LOGIN: Final = "Put the right credentials into the file of TALLY_KAFKA_CONFIG and start the consumer again."
_TOPICS: Final = (
    "Bring the topics to their contract: `codegen plan` shows what differs, "
    f"`codegen publish` or `{hint('up')}` changes it. Counting then resumes by itself."
)
TOPIC_MISSING_CURE: Final = _TOPICS
_DAMAGED: Final = (
    "The broker's copy of that record is damaged. Let the broker take the partition from another replica, or restore "
    "it; counting then resumes by itself."
)
_VERSION: Final = "The broker is too old for what is asked of it: upgrade it. Counting then resumes by itself."

CURES: Final[Mapping[int, str]] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _ACLS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _ACLS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _ACLS,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _ACLS,
    KafkaError._AUTHENTICATION: _LOGIN,
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN,
    KafkaError.ILLEGAL_SASL_STATE: _LOGIN,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _LOGIN,
    KafkaError.SECURITY_DISABLED: _LOGIN,
    KafkaError._SSL: _LOGIN,
    KafkaError.MSG_SIZE_TOO_LARGE: _TOPICS,
    KafkaError.RECORD_LIST_TOO_LARGE: _TOPICS,
    KafkaError.INVALID_RECORD: _TOPICS,
    KafkaError.INVALID_CONFIG: _TOPICS,
    KafkaError.POLICY_VIOLATION: _TOPICS,
    KafkaError.INVALID_TIMESTAMP: _TOPICS,
    KafkaError.TOPIC_EXCEPTION: _TOPICS,
    KafkaError.UNKNOWN_TOPIC_OR_PART: _TOPICS,
    KafkaError._UNKNOWN_TOPIC: _TOPICS,
    KafkaError._UNKNOWN_PARTITION: _TOPICS,
    KafkaError._BAD_MSG: _DAMAGED,
    KafkaError.INVALID_MSG: _DAMAGED,
    KafkaError.UNSUPPORTED_VERSION: _VERSION,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: _VERSION,
    KafkaError._UNSUPPORTED_FEATURE: _VERSION,
}
"""By code of the errors that stay until a person acts. Any other passes: a broker that is away, a leader that moves."""

TOO_LARGE_CURE: Final = (
    "No client of librdkafka reads it. Copy the records of all partitions but this batch to a topic of a new name. "
    "With compression.type=uncompressed, as in the contract, the broker refuses such a batch: `codegen plan` shows "
    "whether the topic has it."
)
