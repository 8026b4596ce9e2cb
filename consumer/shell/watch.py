"""What the ingest loop tells whoever measures it. This one does nothing; `telemetry` measures."""

from collections.abc import Sequence

from consumer.shell.blocks import Block
from consumer.shell.kafka_source import Fetch


class Watch:
    """Called by the ingest loop's thread, a few times a round whatever the number of records."""

    def fetching(self) -> None:
        """A fetch begins."""

    def fetched(self, fetch: Fetch) -> None:
        """It came back, perhaps empty."""

    def written(self, blocks: Sequence[Block]) -> None:
        """These blocks of the fetch are in fsynced ledgers, perhaps none."""

    def committing(self) -> None:
        """Offsets are being committed."""

    def committed(self, error: str) -> None:
        """The answer came; ``error`` is empty when all is well."""
