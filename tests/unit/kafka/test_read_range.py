"""What the one reading loop makes of Kafka's errors; the scenarios on whole records are in tests_support."""

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from tally.kafka.read_range import (
    FailedError,
    NotInTimeError,
    OutOfRangeError,
    RangeError,
    TooLargeError,
    read_range,
    reader,
)

TOPIC = "t"


def record(offset: int, partition: int = 0) -> Message:
    return Message(topic=TOPIC, partition=partition, offset=offset, key=b"k", value=b"v")


def error(code: int, partition: int = 0, offset: int = -1001) -> Message:
    return Message(topic=TOPIC, partition=partition, offset=offset, error=KafkaError(code))


class Scripted:
    """A client that gives what it was told to, a list a call of ``poll`` and what is at hand behind it."""

    def __init__(self, *rounds: list[Message] | KafkaException) -> None:
        self._rounds = list(rounds)
        self._at_hand: list[Message] = []

    def assign(self, partitions: list[TopicPartition], /) -> None:
        """Nothing to note."""

    def poll(self, timeout: float, /) -> Message | None:
        if not self._at_hand:
            if not self._rounds:
                return None
            given = self._rounds.pop(0)
            if isinstance(given, KafkaException):
                raise given
            self._at_hand = list(given)
        return self._at_hand.pop(0) if self._at_hand else None

    def consume(self, num_messages: int, timeout: float, /) -> list[Message]:
        taken, self._at_hand = self._at_hand[:num_messages], self._at_hand[num_messages:]
        return taken


def reading(client: Scripted, **how: float) -> Iterator[int | None]:
    for messages in read_range(client, TOPIC, {0: 0}, silence_s=how.get("silence_s", 0.0)):
        yield from (message.offset() for message in messages)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (KafkaError._AUTO_OFFSET_RESET, OutOfRangeError),
        (KafkaError._BAD_COMPRESSION, TooLargeError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, FailedError),
        (KafkaError._BAD_MSG, FailedError),
        (KafkaError._FATAL, FailedError),
    ],
)
def test_what_stands_before_an_error_that_stays_is_given_first(code: int, expected: type[RangeError]) -> None:
    """Records before an unreadable place are given, then the error is raised, and nothing behind it is given."""
    found: list[int | None] = []
    with pytest.raises(expected):
        found.extend(reading(Scripted([record(0), record(1), error(code), record(2)])))
    assert found == [0, 1]


def test_an_error_that_passes_is_waited_out() -> None:
    """An error that passes does not end the reading, and every record up to the end is given."""
    client = Scripted([record(0), error(KafkaError._TRANSPORT)], [record(1), error(KafkaError._PARTITION_EOF, 0, 2)])
    assert list(reading(client, silence_s=60.0)) == [0, 1]


def test_an_error_that_does_not_pass_in_time_is_told_with_the_end_of_the_waiting() -> None:
    """An error that does not pass in time raises NotInTimeError with the partition, the wait and the error."""
    with pytest.raises(NotInTimeError, match=r"t partitions \[0\] gave no record for 0 s \(_TRANSPORT: "):
        list(reading(Scripted([error(KafkaError._TRANSPORT)])))


def test_what_a_client_raises_is_a_failure_to_read() -> None:
    """Exceptions of Kafka's client, also of its construction, are raised as FailedError with their cause."""
    with pytest.raises(FailedError, match="_STATE"):
        list(reading(Scripted(KafkaException(KafkaError(KafkaError._STATE)))))
    with pytest.raises(FailedError, match=r"no\.such\.property"), reader({"no.such.property": "1"}):
        pass


def test_with_at_hand_it_ends_where_nothing_more_is_at_hand() -> None:
    """With `at_hand` the reading ends when nothing more is ready, without a wait for the partition's end."""
    client = Scripted([record(0), record(1)], [], [record(2)])
    given = read_range(client, TOPIC, {0: 0}, silence_s=60.0, at_once=1, at_hand=True)
    assert [message.offset() for messages in given for message in messages] == [0, 1]
