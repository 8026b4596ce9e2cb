"""What must be known before the first call is taken, asked for again and again until it is there.

The registry has our schema (we never register it), the topic is there with the contract's number of partitions, and the
cache is warm. While something is missing the producer is unready with the reason; what no waiting mends ends it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from loguru import logger

from contracts.generated.topics import TopicFacts
from producer.core.idempotency import Known, KnownIds
from producer.core.topic import objection
from producer.shell.topic import TopicAdmin, TopicUnknownError
from producer.shell.warm_up import tail_of
from tally.registry.errors import RegistryError
from tally.registry.lookup import SchemaRegistry

_BACKOFF_FIRST_S = 0.2
_BACKOFF_MAX_S = 5.0
_WARM_UP_LIMIT_S = 10.0
_WARM_UP_RECORDS_MAX = 20_000
"""The retries that follow a restart are of the last seconds before it; more would only make the start slower."""
_WATCH_INTERVAL_S = 5.0

T = TypeVar("T")


class CannotServeError(Exception):
    """The producer must end; the message tells why and the way out."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the lanes need."""

    schema_id: int
    topic_id: str


class Startup:
    """The steps before the lanes. ``unready`` is told each new reason."""

    def __init__(
        self,
        facts: TopicFacts,
        registry: SchemaRegistry,
        topic_admin: TopicAdmin,
        consumer_config: Mapping[str, Any],
        unready: Callable[[str], None],
    ) -> None:
        self._facts = facts
        self._registry = registry
        self._topic_admin = topic_admin
        self._consumer_config = consumer_config
        self._unready = unready

    async def facts(self) -> Prepared:
        """Return what the lanes need, once it is there. Raises CannotServeError."""
        facts = self._facts
        # 1. The schema: its id frames every record.
        schema_id = await self._until(lambda: self._registry.lookup(facts.subject, facts.schema))
        # 2. The topic: its id is pinned from here on.
        seen = await self._until(self._topic_admin.seen)
        if against := objection(facts.name, seen, facts.partitions, None):
            raise CannotServeError(against)
        logger.bind(schema_id=schema_id, topic_id=seen.topic_id).info("schema and topic are as the contract says")
        return Prepared(schema_id, seen.topic_id)

    async def warm(self, known: KnownIds, known_max: int, schema_id: int) -> None:
        """Fill the cache from the topic's tail. It only saves work, so a failure is told and no more."""
        began_s = time.monotonic()
        tail = await asyncio.to_thread(self._tail, schema_id, min(known_max // 2, _WARM_UP_RECORDS_MAX))
        await known.remember(list(tail.items()))
        logger.bind(ids=len(tail), seconds=f"{time.monotonic() - began_s:.2f}").info("cache is warm")

    async def watch(self, pinned_id: str) -> str:
        """Return why the producer must stop, once the topic is not the pinned one any more."""
        while True:
            await asyncio.sleep(_WATCH_INTERVAL_S)
            try:
                seen = await asyncio.to_thread(self._topic_admin.seen)
            except TopicUnknownError:
                continue  # the lanes tell when the broker is gone; a deleted topic shows when it is made again
            if against := objection(self._facts.name, seen, self._facts.partitions, pinned_id):
                return against

    def _tail(self, schema_id: int, records_max: int) -> dict[bytes, Known]:
        facts = self._facts
        try:
            return tail_of(
                self._consumer_config,
                facts.name,
                facts.partitions,
                schema_id,
                records_max=records_max,
                limit_s=_WARM_UP_LIMIT_S,
            )
        except KafkaException as error:
            logger.bind(error=str(error)).warning("the cache stays cold")
            return {}

    async def _until(self, ask: Callable[[], T]) -> T:
        """Ask in a thread until there is an answer, with growing pauses; tell each new reason once."""
        told = ""
        backoff_s = _BACKOFF_FIRST_S
        while True:
            try:
                return await asyncio.to_thread(ask)
            except (RegistryError, TopicUnknownError) as error:
                if str(error) != told:
                    told = str(error)
                    self._unready(told)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _BACKOFF_MAX_S)
