"""Reading a topic's committed records, outside of any group."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from contracts.generated.topics import TopicFacts
from tally.base.offsets import runs
from tally.cli.failures import CommandError, UnavailableError
from tally.cli.settings import ClientSettings
from tally.event.record import Record
from tally.kafka.config import READS_ANY_RECORD, client_config

_METADATA_S = 10.0
_POLL_S = 0.5
_FETCH_MAX = 500
_NEAR = 2_000
"""Records between two that are wanted are read through when there are fewer than this."""
_ENDS = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)


def records(
    environment: ClientSettings, topic: TopicFacts, partitions: range, start: int, *, follow: bool
) -> Iterator[Record]:
    """Yield the committed records of these partitions from ``start`` on, a logical offset of the Kafka client.

    Without ``follow`` it ends where the partitions end. Raises UnavailableError, CommandError and KafkaConfigError.
    """
    servers = environment.kafka_bootstrap_servers
    with _reader(environment, topic) as consumer:
        consumer.assign([TopicPartition(topic.name, number, start) for number in partitions])
        unfinished = set(partitions)
        while follow or unfinished:
            for message in consumer.consume(_FETCH_MAX, _POLL_S):
                error = message.error()
                if error is None:
                    yield _record(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unfinished.discard(message.partition() or 0)
                else:
                    raise UnavailableError(f"Kafka at {servers}: {error.str()}")


def records_at(
    environment: ClientSettings, topic: TopicFacts, partition: int, offsets: Iterable[int]
) -> Iterator[Record]:
    """Yield the committed records at these offsets, which increase, without those that are gone. Raises as above."""
    servers = environment.kafka_bootstrap_servers
    with _reader(environment, topic) as consumer:
        for run in runs(offsets, _NEAR):
            wanted = set(run)
            consumer.assign([TopicPartition(topic.name, partition, run[0])])
            reading = True
            while reading:
                for message in consumer.consume(_FETCH_MAX, _POLL_S):
                    error, offset = message.error(), message.offset()
                    if error is not None and error.code() not in _ENDS:
                        raise UnavailableError(f"Kafka at {servers}: {error.str()}")
                    if error is None and offset in wanted:
                        yield _record(message)
                    reading = reading and error is None and offset is not None and offset < run[-1]


def topic_id(environment: ClientSettings, topic: TopicFacts) -> str:
    """Return Kafka's id of a topic: one that is made again has another. Raises UnavailableError, KafkaConfigError."""
    servers = environment.kafka_bootstrap_servers
    admin = AdminClient({**client_config(servers, environment.kafka_config), "log_level": "2"})
    asked = admin.describe_topics(TopicCollection([topic.name]), request_timeout=_METADATA_S)
    try:
        return str(asked[topic.name].result(_METADATA_S).topic_id)
    except (KafkaException, TimeoutError) as error:
        raise UnavailableError(f"Kafka at {servers} does not tell the id of topic {topic.name}: {error}") from None


@contextmanager
def _reader(environment: ClientSettings, topic: TopicFacts) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            **client_config(environment.kafka_bootstrap_servers, environment.kafka_config),
            **READS_ANY_RECORD,
            "group.id": "tally-tail",  # the client wants one; nothing is ever committed under it
            "enable.auto.commit": "false",
            "isolation.level": "read_committed",
            "enable.partition.eof": "true",
            "auto.offset.reset": "error",
            "log_level": "2",  # what goes wrong is told here, in one line
        }
    )
    try:
        _require_topic(consumer, topic.name, environment.kafka_bootstrap_servers)
        yield consumer
    finally:
        consumer.close()


def _require_topic(consumer: Consumer, topic: str, servers: str) -> None:
    try:
        found = consumer.list_topics(topic, timeout=_METADATA_S).topics[topic]
    except KafkaException as error:
        reason = error.args[0].str() if error.args else "no answer"
        raise UnavailableError(
            f"Kafka does not answer at {servers} ({reason}): start it with `just up`, or set "
            f"TALLY_KAFKA_BOOTSTRAP_SERVERS to where it is"
        ) from None
    if found.error is not None:
        raise CommandError(f"Kafka at {servers} has no topic {topic}: `just up` creates it from the contracts")


def _record(message: Message) -> Record:
    partition, offset, (_, timestamp_ms) = message.partition(), message.offset(), message.timestamp()
    assert partition is not None
    assert offset is not None
    key, value = message.key(), message.value()
    return Record(partition, offset, timestamp_ms, _bytes(key), _bytes(value), _headers(message))


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _headers(message: Message) -> dict[str, bytes]:
    pairs: Any = message.headers() or ()  # typed as a dict or a list of pairs; a consumer always gets the list
    return {name: content for name, content in reversed(pairs) if content is not None}
