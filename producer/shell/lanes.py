"""All lanes of this producer: a thread and a transactional client each."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from loguru import logger

from producer.core.calls import Batch
from producer.core.lane import Rules
from producer.settings import ProducerSettings
from producer.shell.event_encoder import EventEncoder
from producer.shell.kafka_transaction import LaneClient
from producer.shell.lane_thread import LaneReport, LaneThread
from producer.shell.telemetry import LaneMetrics, ObservedTransactions
from producer.shell.traces import Traces
from tally.base.deadline import Deadline
from tally.kafka.transactions import transactional_config


class Lanes:
    """`start` once, `stop` once; used by the event loop's thread alone.

    ``kafka`` is the configuration of the lanes' producers, ``readers`` that of the consumers that read back.
    """

    def __init__(
        self,
        settings: ProducerSettings,
        kafka: Mapping[str, str],
        readers: Mapping[str, str],
        metrics: LaneMetrics,
        traces: Traces,
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._readers = readers
        self._metrics = metrics
        self._traces = traces
        self._threads: list[LaneThread] = []

    def start(self, schema_id: int, receive: Callable[[LaneReport], None]) -> None:
        """Start every lane. Their reports come to ``receive`` in the running loop. Raises KafkaException."""
        timeout_s = self._settings.producer_transaction_timeout_ms / 1000
        rules = Rules(
            commit_limit_s=timeout_s, commit_slice_s=min(1.0, timeout_s), resolve_limit_s=max(30.0, 2 * timeout_s)
        )
        send = partial(_send, asyncio.get_running_loop(), receive)
        encoder = EventEncoder(schema_id)
        self._threads = [
            LaneThread(number, self._transactions(number), encoder, send, rules)
            for number in range(self._settings.producer_lanes)
        ]
        for thread in self._threads:
            thread.start()

    def give(self, lane: int, batch: Batch) -> None:
        """Give an idle lane its next batch."""
        self._threads[lane].inbox.put(batch)

    async def stop(self, deadline: Deadline) -> None:
        """Let the lanes end after what they have in hand. One that is late is left behind: its successor ends it."""
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            if not await asyncio.to_thread(thread.join, deadline.left_s()):
                logger.bind(lane=thread.number).warning("left behind with a transaction that may be open")

    def _transactions(self, lane: int) -> ObservedTransactions:
        settings = self._settings
        config = transactional_config(
            self._kafka,
            f"tally-producer-{settings.producer_replica}-{lane}",
            settings.producer_transaction_timeout_ms,
            settings.producer_socket_timeout_ms,
        )
        client = LaneClient(config, self._readers, self._metrics.topic)
        return ObservedTransactions(lane, client, self._metrics, self._traces)


def _send(loop: asyncio.AbstractEventLoop, receive: Callable[[LaneReport], None], report: LaneReport) -> None:
    """Carry a lane's report over to the loop. After the loop's end nobody waits for it."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(receive, report)
