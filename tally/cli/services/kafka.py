"""Reading a topic's committed records, outside of any group."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Message

from tally.base.hints import hint
from tally.base.offsets import runs
from tally.cli.failures import CommandError, UnavailableError, WrongUsageError
from tally.cli.settings import ClientSettings
from tally.event.record import Record
from tally.generated.topics import TopicFacts
from tally.kafka.config import KafkaConfigError, client_config, refusal
from tally.kafka.held_back import HeldBack, still_held_back
from tally.kafka.read_range import OutOfRangeError, RangeError, headers_of, read_range, reader
from tally.kafka.topic_admin import TopicAdmin
from tally.kafka.transactions_tool import TopicAddress, shows_producers
from tally.kafka.trouble import KafkaTroubleError

_METADATA_S = 10.0
_SILENCE_S: Final = 30.0
"""How long Kafka may tell nothing before a command gives up; what follows the topic waits for ever."""
_FOLLOWING: Final[Mapping[str, Any]] = {"fetch.wait.max.ms": 500}
_NO_TUNING: Final[Mapping[str, Any]] = {}
_OPEN_FOR_S: Final = 1.0
"""A transaction of ours is open for some milliseconds; one that is open for longer is told."""
_NEAR = 2_000
"""Records between two that are wanted are read through when there are fewer than this."""


def _untold(_sentence: str) -> None:
    """Who does not ask what is not readable yet."""


def records(
    environment: ClientSettings,
    topic: TopicFacts,
    partitions: range,
    start: int,
    *,
    follow: bool,
    tell: Callable[[str], object] = _untold,
) -> Iterator[Record]:
    """Yield the committed records of these partitions from ``start`` on, a logical offset of the Kafka client.

    Without ``follow`` it ends where the partitions end, and ``tell`` is given a sentence for each of them that has
    records behind its end, in a transaction that is open. Raises UnavailableError, CommandError and WrongUsageError.
    """
    wait_s = math.inf if follow else _SILENCE_S
    ends: dict[int, int] = {}
    with _reader(environment, topic, _FOLLOWING if follow else {}) as client:
        starts = dict.fromkeys(partitions, start)
        for messages in read_range(
            client, topic.name, starts, past_the_end=follow, silence_s=wait_s, ended=ends.__setitem__
        ):
            yield from map(_record, messages)
        for one in still_held_back(client, topic.name, ends, _OPEN_FOR_S, _METADATA_S):
            tell(_not_readable(one, TopicAddress(topic.name, environment.kafka_bootstrap_servers)))


def _not_readable(one: HeldBack, address: TopicAddress) -> str:
    number = "1 record" if one.records_max == 1 else f"{one.records_max:,} records"
    return (
        f"up to {number} of partition {one.partition} of {address.topic}, from offset {one.offset} on, cannot be read "
        f"yet, since a transaction is open: "
        f"`{shows_producers(address, one.partition)}` shows whose"
    )


def records_at(
    environment: ClientSettings, topic: TopicFacts, partition: int, offsets: Iterable[int]
) -> Iterator[Record]:
    """Yield the committed records at these offsets, which increase, without those that are gone. Raises as above."""
    with _reader(environment, topic) as client:
        for run in runs(offsets, _NEAR):
            wanted = set(run)
            until = {partition: run[-1] + 1}
            with suppress(OutOfRangeError):
                for messages in read_range(client, topic.name, {partition: run[0]}, until=until, silence_s=_SILENCE_S):
                    yield from (_record(message) for message in messages if message.offset() in wanted)


def topic_id(environment: ClientSettings, topic: TopicFacts) -> str:
    """Return Kafka's id of a topic: one that is made again has another. Raises UnavailableError, WrongUsageError."""
    return _asked(environment, topic, lambda admin: admin.identity().topic_id)


def cluster_id(environment: ClientSettings, topic: TopicFacts) -> str:
    """Return the id of the cluster that has a topic. Raises UnavailableError, WrongUsageError."""
    return _asked(environment, topic, TopicAdmin.cluster_id)


def _asked(environment: ClientSettings, topic: TopicFacts, question: Callable[[TopicAdmin], str]) -> str:
    config = quiet_config(environment)
    try:
        return question(TopicAdmin(config, topic.name, _METADATA_S))
    except KafkaTroubleError as error:
        raise UnavailableError(f"Kafka at {environment.kafka_bootstrap_servers}: {error}") from None


def quiet_config(environment: ClientSettings) -> dict[str, Any]:
    """Return the settings of a Kafka client that writes no log: the command tells what goes wrong.

    Raises WrongUsageError, also for a property that the client refuses.
    """
    try:
        config = {**client_config(environment.kafka_bootstrap_servers, environment.kafka_config), "log_level": "2"}
        if environment.kafka_config is not None:
            Consumer({**config, "group.id": "none"}).close()
    except KafkaConfigError as error:
        raise WrongUsageError(str(error)) from None
    except KafkaException as error:
        raise WrongUsageError(refusal(environment.kafka_config, error)) from None
    return config


@contextmanager
def _reader(
    environment: ClientSettings, topic: TopicFacts, tuning: Mapping[str, Any] = _NO_TUNING
) -> Iterator[Consumer]:
    servers = environment.kafka_bootstrap_servers
    try:
        with reader(quiet_config(environment), tuning) as client:
            _require_topic(client, topic.name, servers)
            yield client
    except RangeError as error:
        raise UnavailableError(f"Kafka at {servers}: {error}") from None


def _require_topic(consumer: Consumer, topic: str, servers: str) -> None:
    try:
        found = consumer.list_topics(topic, timeout=_METADATA_S).topics[topic]
    except KafkaException as error:
        reason = error.args[0].str() if error.args else "no answer"
        raise UnavailableError(
            f"Kafka does not answer at {servers} ({reason}): start it with `{hint('up')}`, or set "
            f"TALLY_KAFKA_BOOTSTRAP_SERVERS to where it is"
        ) from None
    if found.error is not None:
        raise CommandError(f"Kafka at {servers} has no topic {topic}: `{hint('up')}` creates it from the contracts")


def _record(message: Message) -> Record:
    partition, offset, (_, timestamp_ms) = message.partition(), message.offset(), message.timestamp()
    assert partition is not None
    assert offset is not None
    key, value = message.key(), message.value()
    return Record(partition, offset, timestamp_ms, _bytes(key), _bytes(value), _headers(message))


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _headers(message: Message) -> dict[str, bytes]:
    return {name: content for name, content in reversed(headers_of(message)) if content is not None}
