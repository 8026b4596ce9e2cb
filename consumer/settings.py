"""The consumer's settings: the only reader of the environment in this package."""

import re
from pathlib import Path
from typing import Final

from pydantic import Field, field_validator

from tally.base.settings import Settings, port_field

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


class ConsumerSettings(Settings):
    """What the consumer needs to know beyond the shared section."""

    rest_host: str = Field("127.0.0.1", min_length=1, description="Address on which REST listens.")
    rest_port: int = port_field("rest_port", "Port on which REST listens.")
    rest_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+)?$",
        description="Address at which callers reach this replica; other replicas redirect to it. Empty: host and port.",
    )
    rest_hosts: str = Field(
        "",
        description="Further names under which REST may be asked, separated by commas, such as those of a proxy. IP "
        "addresses, localhost and the names in TALLY_REST_HOST and TALLY_REST_URL always may.",
    )
    rest_connections_max: int = Field(
        512,
        ge=16,
        le=30_000,
        description="Open connections of REST; fewer where the limit of open files is below 1,280.",
    )
    rest_head_timeout_ms: int = Field(
        10_000, ge=100, le=300_000, description="Longest wait for the complete headers of a request."
    )
    rest_body_timeout_ms: int = Field(
        10_000, ge=100, le=300_000, description="Longest wait for the complete body of a request."
    )
    rest_idle_timeout_ms: int = Field(
        30_000, ge=100, le=600_000, description="A connection on which nothing is asked for so long is closed."
    )
    rest_wait_ms_max: int = Field(30_000, ge=0, le=600_000, description="Longest wait_ms that GET /v1/total allows.")
    rest_waiters_max: int = Field(
        1_000, ge=1, le=100_000, description="Calls that may wait for a position at the same time."
    )
    rest_listeners_max: int = Field(
        100, ge=1, le=10_000, description="Calls of /v1/events that may be open at the same time."
    )
    rest_page_rows_max: int = Field(1_000, ge=1, le=10_000, description="Most rows in one page of /v1/entries.")

    consumer_replica: str = Field(
        "0",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Stable name of this replica: its directory and its static member id. Unique among replicas.",
    )
    consumer_group: str = Field("tally-ledger", min_length=1, max_length=200, description="The consumer group.")
    consumer_group_protocol: str = Field(
        "classic",
        pattern="^(classic|consumer)$",
        description="classic (with static membership: a killed consumer goes on at once) or consumer (KIP-848).",
    )
    consumer_session_timeout_ms: int = Field(
        10_000,
        ge=6_000,
        le=300_000,
        description="A replica that is silent for this long loses its partitions (classic).",
    )
    consumer_block_records_max: int = Field(
        20_000, ge=1, le=1_000_000, description="Most records fetched at once; those of one partition make a block."
    )
    consumer_block_wait_ms: int = Field(
        50, ge=1, le=1_000, description="Longest wait for the first record of a block; what is there is taken at once."
    )
    consumer_prefetch_kbytes: int = Field(
        65_536, ge=1_024, le=2_097_151, description="Memory for records fetched ahead, all partitions together."
    )
    consumer_fsync_threads: int = Field(4, ge=1, le=64, description="Ledgers that are written and synced side by side.")
    consumer_kafka_timeout_ms: int = Field(
        5_000, ge=500, le=60_000, description="Longest wait for one answer of Kafka outside fetching."
    )
    consumer_retry_ms: int = Field(
        500, ge=10, le=60_000, description="Wait before a paused or refused step is tried again."
    )
    consumer_schema_denials_ms: int = Field(
        3_000,
        ge=100,
        le=600_000,
        description="An unknown schema id is poison when the registry denies it twice this far apart.",
    )
    consumer_shutdown_timeout_ms: int = Field(
        10_000, ge=100, le=300_000, description="Time for finishing the block, committing and answering after SIGTERM."
    )
    consumer_witness_refresh_ms: int = Field(
        1_000, ge=50, le=60_000, description="How often figures of other replicas and the log's ends are asked for."
    )
    consumer_foreign_transaction_ms: int = Field(
        30_000,
        ge=1_000,
        le=3_600_000,
        description="An open transaction this old is reported as not ours. One that a killed producer left is "
        "ended by the broker within TALLY_PRODUCER_TRANSACTION_TIMEOUT_MS (15 s) and the 10 s between its looks.",
    )
    consumer_totals_interval_ms: int = Field(
        1_000, ge=50, le=600_000, description="totals.json is replaced at most this often."
    )
    exports_kept_max: int = Field(20, ge=1, le=1_000, description="Exports kept on disk; more are refused.")
    exports_queued_max: int = Field(4, ge=1, le=100, description="Exports running or waiting to run.")

    audits_kept_max: int = Field(20, ge=1, le=1_000, description="Audits kept on disk; more are refused.")
    audits_queued_max: int = Field(2, ge=1, le=100, description="Audits running or waiting to run.")

    @field_validator("rest_hosts")
    @classmethod
    def _names(cls, text: str) -> str:
        for each in _listed(text):
            if not _HOST_NAME.fullmatch(each):
                raise ValueError(
                    f"{each!r} is no name of a host; allowed are names without a port, separated by commas"
                )
        return text

    @property
    def rest_host_names(self) -> list[str]:
        """The names of ``rest_hosts``, in small letters."""
        return [each.lower() for each in _listed(self.rest_hosts)]

    @property
    def replica_dir(self) -> Path:
        """Where this replica keeps everything it writes."""
        return self.data_dir / "consumer" / self.consumer_replica

    @property
    def ledger_dir(self) -> Path:
        """One directory a partition lies below it."""
        return self.replica_dir / "ledger"

    @property
    def exports_dir(self) -> Path:
        """Finished and running exports."""
        return self.replica_dir / "exports"

    @property
    def audits_dir(self) -> Path:
        """Reports of finished audits."""
        return self.replica_dir / "audits"

    @property
    def totals_path(self) -> Path:
        """The figures for people."""
        return self.replica_dir / "totals.json"

    @property
    def owner_url(self) -> str:
        """The address that goes into the witness."""
        return self.rest_url or f"http://{self.rest_host}:{self.rest_port}"
