"""Builds what asks Kafka: every client from one configuration."""

from dataclasses import dataclass

from consumer.settings import ConsumerSettings
from consumer.shell.kafka.dead_letters import DeadLetterPublisher, letter_clients
from consumer.shell.kafka.group_offsets import GroupOffsets
from consumer.shell.kafka.ports import KafkaPorts
from consumer.shell.kafka.record_reader import RecordReader
from consumer.shell.kafka.source import KafkaSource, SourceConfig
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.config import client_config
from tally.kafka.facts import KafkaFacts, TopicLogs

_QUIET = {"log_level": "2"}
"""Kafka's clients print critical lines only; their errors come back as exceptions and callbacks. A properties file may
say otherwise, for finding out what a client does."""


@dataclass(frozen=True)
class KafkaClients(KafkaPorts):
    """``observed_offsets`` is a client of its own: see the theory of operation of ``group_offsets``."""

    source: KafkaSource
    observed_offsets: GroupOffsets


def kafka_clients(settings: ConsumerSettings) -> KafkaClients:
    """Return the clients; they connect when they are first used. Raises KafkaException."""
    shared = {**_QUIET, **client_config(settings.kafka_bootstrap_servers, settings.kafka_config)}
    answer_s = settings.consumer_kafka_timeout_ms / 1000
    offsets = GroupOffsets(shared, SUMS.name, settings.consumer_group, answer_s)
    return KafkaClients(
        source=KafkaSource(shared, _source_config(settings)),
        facts=KafkaFacts(shared, SUMS.name, answer_s),
        offsets=offsets,
        observed_offsets=GroupOffsets(shared, SUMS.name, settings.consumer_group, answer_s),
        sums=RecordReader(shared, SUMS.name, answer_s),
        dead_letters=RecordReader(shared, SUMS_DLT.name, answer_s),
        dead_letter_logs=TopicLogs(shared, SUMS_DLT.name, answer_s),
        publisher=DeadLetterPublisher(letter_clients(shared, SUMS_DLT.name, answer_s), offsets, SUMS.name, answer_s),
    )


def _source_config(settings: ConsumerSettings) -> SourceConfig:
    return SourceConfig(
        topic=SUMS.name,
        group=settings.consumer_group,
        replica=settings.consumer_replica,
        group_protocol=settings.consumer_group_protocol,
        session_timeout_ms=settings.consumer_session_timeout_ms,
        block_records_max=settings.consumer_block_records_max,
        block_wait_ms=settings.consumer_block_wait_ms,
        prefetch_kbytes=settings.consumer_prefetch_kbytes,
    )
