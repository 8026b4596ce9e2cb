"""The start: what must be known before the first call is taken, asked for until it is known.

The registry must have our schema (we never register it), the topic must exist with the contract's number of partitions,
and the cache is warmed. While something is missing the producer is not ready and says why; if waiting cannot help, it
ends.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from loguru import logger

from producer.core.idempotency import Known, KnownIds
from producer.core.topic import objection
from producer.shell.warm_up import tail_of
from tally.generated.topics import TopicFacts
from tally.kafka.topic_admin import TopicAdmin
from tally.kafka.trouble import KafkaTroubleError
from tally.registry.errors import RegistryError
from tally.registry.lookup import SchemaRegistry

_BACKOFF_FIRST_S = 0.2
_BACKOFF_MAX_S = 5.0
_WARM_UP_LIMIT_S = 10.0
_WARM_UP_RECORDS_MAX = 20_000
"""The retries after a restart are of calls from the last seconds before it; more would only slow the start down."""
_WATCH_INTERVAL_S = 5.0
_TOPIC_LIMIT_S = 5.0

T = TypeVar("T")


class CannotServeError(Exception):
    """The producer must end; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the start found out."""

    schema_id: int
    topic_id: str
    cluster_id: str


class Startup:
    """The steps before the first call, and the watch over the topic afterwards."""

    def __init__(self, facts: TopicFacts, registry: SchemaRegistry, client_config: Mapping[str, Any]) -> None:
        """``client_config`` is what every client of Kafka needs. Raises KafkaException when it is wrong."""
        self._facts = facts
        self._registry = registry
        self._client_config = client_config
        limited = {**client_config, "socket.timeout.ms": int(_TOPIC_LIMIT_S * 1000)}
        self._topic_admin = TopicAdmin(limited, facts.name, _TOPIC_LIMIT_S)

    async def facts(self, on_wait: Callable[[str], None]) -> Prepared:
        """Return what was found out, once all is there; ``on_wait`` is told each new reason to wait.

        Raises CannotServeError.
        """
        facts = self._facts
        # 1. The schema: its id frames every record.
        schema_id = await _until(lambda: self._registry.lookup(facts.subject, facts.schema), on_wait)
        # 2. The topic: its id is pinned from here on.
        seen = await _until(self._topic_admin.identity, on_wait)
        against = objection(facts.name, seen, facts.partitions, None)
        if against is not None:
            raise CannotServeError(against)
        logger.bind(schema_id=schema_id, topic_id=seen.topic_id).info("schema and topic are as the contract says")
        # 3. The cluster: its id tells callers which system this is.
        cluster_id = await _until(self._topic_admin.cluster_id, on_wait)
        return Prepared(schema_id, seen.topic_id, cluster_id)

    async def warm(self, known: KnownIds, known_max: int, schema_id: int) -> None:
        """Fill the cache from the topic's tail. The cache only saves work, so a failure is logged and no more."""
        began_s = time.monotonic()
        tail = await asyncio.to_thread(self._tail, schema_id, min(known_max // 2, _WARM_UP_RECORDS_MAX))
        await known.remember(list(tail.items()))
        logger.bind(ids=len(tail), seconds=f"{time.monotonic() - began_s:.2f}").info("cache is warm")

    async def watch(self, pinned_id: str) -> str:
        """Return why the producer must stop, once the topic is no longer the pinned one."""
        while True:
            await asyncio.sleep(_WATCH_INTERVAL_S)
            try:
                seen = await asyncio.to_thread(self._topic_admin.identity)
            except KafkaTroubleError:
                continue  # the lanes notice when the broker is gone; a deleted topic shows once it is created again
            against = objection(self._facts.name, seen, self._facts.partitions, pinned_id)
            if against is not None:
                return against

    def _tail(self, schema_id: int, records_max: int) -> dict[bytes, Known]:
        facts = self._facts
        try:
            return tail_of(
                self._client_config,
                facts.name,
                facts.partitions,
                schema_id,
                records_max=records_max,
                limit_s=_WARM_UP_LIMIT_S,
            )
        except KafkaException as error:
            logger.bind(error=str(error)).warning("the cache stays cold")
            return {}


async def _until(ask: Callable[[], T], on_wait: Callable[[str], None]) -> T:
    """Ask in a thread until there is an answer, with growing pauses; tell each new reason once."""
    told: str | None = None
    backoff_s = _BACKOFF_FIRST_S
    while True:
        try:
            return await asyncio.to_thread(ask)
        except (RegistryError, KafkaTroubleError) as error:
            if str(error) != told:
                told = str(error)
                on_wait(told)
        await asyncio.sleep(backoff_s)
        backoff_s = min(backoff_s * 2, _BACKOFF_MAX_S)
