"""The client by which commands send additions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tally.cli.failures import UnavailableError
from tally.cli.services.cluster import Expected, cluster_at
from tally.client.client import Client
from tally.client.retry import RetryPolicy
from tally.client.sending import Environment

_READY_S: Final = 10.0
"""How long a service that is just starting is waited for."""


@asynccontextmanager
async def connected(
    address: str,
    wait_s: float,
    *,
    history: Path | None = None,
    environment: Environment | None = None,
    expected: Expected | None = None,
) -> AsyncIterator[Client]:
    """Yield a client that retries for ``wait_s``, once the service can be reached.

    Raises UnavailableError, CommandError for another cluster than the expected one, and HistoryError and OSError for
    the history.
    """
    policy = RetryPolicy(deadline_s=wait_s)
    async with Client(address, policy=policy, environment=environment, history=history) as client:
        if not await client.ready(min(_READY_S, wait_s)):
            raise UnavailableError.service("the gRPC service", address, "TALLY_GRPC_PORT")
        if expected is not None:
            expected.check(address, await cluster_at(address, min(_READY_S, wait_s)))
        yield client
