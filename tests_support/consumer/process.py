"""A consumer as a process of its own: a replica with its own directory and port beside a stack's Kafka and registry."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from stack.healthcheck import consumer_not_ready
from tests_support import rest
from tests_support.running.service_process import ServiceProcess, free_port
from tests_support.waiting import eventually


class ConsumerProcess(ServiceProcess):
    """One replica; everything it keeps is in ``data_dir / "consumer" / replica``."""

    def __init__(
        self,
        folder: Path,
        data_dir: Path,
        replica: str,
        environment: Mapping[str, str],
        *,
        prefix: Sequence[str] = (),
    ) -> None:
        """Start it; its log goes to ``folder``."""
        self.replica = replica
        self.port = free_port()
        self.directory = data_dir / "consumer" / replica
        settings = {
            "TALLY_DATA_DIR": str(data_dir),
            "TALLY_REST_PORT": str(self.port),
            "TALLY_CONSUMER_REPLICA": replica,
            "TALLY_CONSUMER_SESSION_TIMEOUT_MS": "6000",
        }
        super().__init__("consumer", folder, {**settings, **environment}, log_name=f"consumer-{replica}", prefix=prefix)

    @property
    def url(self) -> str:
        """Return the address of its REST side."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        """Return the body of a GET that must succeed. Raises OSError while it does not listen."""
        answer = rest.get(self.url + path)
        assert answer.status == 200, (path, answer.status, answer.content[:500])
        return answer.body

    def ledger_dir(self, partition: int) -> Path:
        """Return where a partition's ledger lies."""
        return self.directory / "ledger" / f"tally.sums.v1-{partition}"

    def wait_ready(self, timeout_s: float = 60.0) -> Self:
        """Return when it says that it is ready."""
        eventually(
            lambda: not consumer_not_ready(self.port),
            timeout_s,
            lambda: f"the consumer is ready; its log:\n{self.text()}",
        )
        return self

    def wait_count(self, number: int, timeout_s: float = 60.0) -> Self:
        """Return when the total counts at least so many additions."""
        eventually(
            lambda: self.get("/v1/total")["count"] >= number,
            timeout_s,
            f"{number} additions are counted",
            retry_on=(OSError,),
        )
        return self

    def wait_state(self, partition: int, state: str, timeout_s: float = 60.0) -> Any:
        """Return the partition as REST shows it, once it is in a state."""

        def shown() -> Any:
            body = self.get(f"/v1/partitions/{partition}")
            return body if body["state"] == state else None

        return eventually(shown, timeout_s, f"partition {partition} is {state}", retry_on=(OSError,))
