"""The producer's settings."""

import os
from typing import Final, Self

from pydantic import Field, model_validator

from tally.base.settings import Settings, port_field
from tally.generated.tally.v1.tally_rules import ADD_BATCH_REQUEST_ADDITIONS_MAX_ITEMS
from tally.generated.topics import SUMS

LANES_DEFAULT: Final = max(1, min(4, (os.cpu_count() or 1) // 2))
"""One lane for every two processors: more lanes make more and smaller transactions of the same calls. On two
processors, back to back under other load, a call cost the producer 320 us and the broker 200 us with one lane, and 480
to 590 us and 240 to 290 us with four; calls a second were about equal."""


class ProducerSettings(Settings):
    """What the producer reads from the environment. Each bound's reason stands in its description."""

    grpc_host: str = Field("127.0.0.1", min_length=1, description="The address the gRPC server listens on.")
    grpc_port: int = port_field("grpc_port", "The port the gRPC server listens on.")
    grpc_message_bytes_max: int = Field(
        4 * 1024 * 1024,
        ge=1024,
        description="The largest request accepted, in bytes; a larger one is RESOURCE_EXHAUSTED.",
    )
    grpc_calls_max: int = Field(
        4_096,
        ge=1,
        le=100_000,
        description="The most calls in progress; one more is RESOURCE_EXHAUSTED.",
    )
    grpc_reading_max: int = Field(
        32,
        ge=1,
        le=1_000,
        description="The most requests that come in at a time; others wait a moment. Each may be as large as allowed.",
    )
    grpc_connections_max: int = Field(
        1_024,
        ge=1,
        le=100_000,
        description="The most connections; one more is closed. At most half of the process's limit of open files.",
    )
    producer_metrics_host: str = Field("127.0.0.1", min_length=1, description="The address that /metrics is served on.")
    producer_metrics_port: int = Field(
        9464, ge=0, le=65535, description="The port that /metrics is served on for Prometheus; 0: not served."
    )
    producer_replica: str = Field(
        "0",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="This producer's name among all producers: unique and stable. Two of one name fence each other.",
    )
    producer_lanes: int = Field(
        LANES_DEFAULT,
        ge=1,
        le=SUMS.partitions,
        description="Threads with a transactional producer each; the partitions are shared out among them.",
    )
    producer_batch_records_max: int = Field(
        5_000, ge=1, le=50_000, description="The most additions that one transaction carries."
    )
    producer_gather_ms: float = Field(
        20.0,
        ge=0,
        le=1_000,
        description="While calls keep coming, a lane begins transactions at least this far apart.",
    )
    producer_add_batch_max: int = Field(
        ADD_BATCH_REQUEST_ADDITIONS_MAX_ITEMS,
        ge=1,
        le=ADD_BATCH_REQUEST_ADDITIONS_MAX_ITEMS,
        description="The most additions in a call of AddBatch or AddColumns; at most what the contract allows.",
    )
    producer_queue_records_max: int = Field(
        100_000, ge=1, description="The most additions that may wait; calls beyond it are RESOURCE_EXHAUSTED."
    )
    producer_queue_bytes_max: int = Field(
        64 * 1024 * 1024,
        ge=1024,
        description="The most bytes of requests that may wait; calls beyond it are RESOURCE_EXHAUSTED.",
    )
    producer_cache_records_max: int = Field(
        200_000, ge=2, description="The most committed ids that are remembered to answer retries fast; 0.3 kB each."
    )
    producer_transaction_timeout_ms: int = Field(
        15_000, ge=1_000, le=900_000, description="After this time the broker aborts a transaction by itself."
    )
    producer_socket_timeout_ms: int = Field(
        3_000,
        ge=100,
        le=300_000,
        description="After this time without an answer a request to the broker is sent again.",
    )
    producer_drain_timeout_s: float = Field(
        15.0,
        ge=0.1,
        le=600,
        description="How long a stop waits for calls in flight; then it answers them with UNAVAILABLE.",
    )

    @model_validator(mode="after")
    def _relations(self) -> Self:
        if self.producer_add_batch_max > self.producer_queue_records_max:
            raise ValueError(
                f"TALLY_PRODUCER_ADD_BATCH_MAX ({self.producer_add_batch_max}) is more than "
                f"TALLY_PRODUCER_QUEUE_RECORDS_MAX ({self.producer_queue_records_max}): a full batch would never fit"
            )
        if self.grpc_message_bytes_max > self.producer_queue_bytes_max:
            raise ValueError(
                f"TALLY_GRPC_MESSAGE_BYTES_MAX ({self.grpc_message_bytes_max}) is more than "
                f"TALLY_PRODUCER_QUEUE_BYTES_MAX ({self.producer_queue_bytes_max}): a large request would never fit"
            )
        if self.producer_socket_timeout_ms * 2 > self.producer_transaction_timeout_ms:
            raise ValueError(
                f"TALLY_PRODUCER_SOCKET_TIMEOUT_MS ({self.producer_socket_timeout_ms}) is more than half of "
                f"TALLY_PRODUCER_TRANSACTION_TIMEOUT_MS ({self.producer_transaction_timeout_ms}): "
                f"no request could be sent again in time"
            )
        return self
