"""Which system an address leads to: the id of its Kafka cluster, which the producer tells beside its health."""

import asyncio
from dataclasses import dataclass
from typing import Final, Self

import grpc
import httpx

from tally.base.addresses import CLUSTER_ID_KEY
from tally.base.loopback import is_loopback
from tally.base.shown.values import printable
from tally.cli.failures import CommandError, UnavailableError

_HEALTH: Final = "/grpc.health.v1.Health/Check"
_SERVING: Final = b"\x08\x01"
_POLL_S: Final = 0.1
_TOTAL_S: Final = 2.0


async def cluster_at(address: str, wait_s: float) -> str | None:
    """Return the cluster's id, once a producer that is still starting knows it; None if it cannot be told.

    An earlier version tells none, nor does a producer that has not reached Kafka after ``wait_s``.
    """
    options = [("grpc.enable_http_proxy", 0 if is_loopback(address) else 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_HEALTH)
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    call = check(b"", timeout=wait_s, wait_for_ready=True)
                    told = dict(await call.initial_metadata()).get(CLUSTER_ID_KEY)
                    if told is not None or await call == _SERVING:
                        return told if isinstance(told, str) else None
                    await asyncio.sleep(_POLL_S)
        except (grpc.aio.AioRpcError, TimeoutError):
            return None


@dataclass(frozen=True)
class Expected:
    """The cluster that a command means: by ``--expect-cluster``, or as it knows by itself."""

    cluster_id: str
    whence: str = "--expect-cluster is"
    or_unknown: bool = False

    @classmethod
    def given(cls, cluster_id: str | None) -> Self | None:
        """Return what an option says, None when it is not there."""
        return None if cluster_id is None else cls(cluster_id)

    def check(self, address: str, found: str | None) -> None:
        """Raise CommandError when it is another one, UnavailableError when it cannot be told which it is."""
        if found == self.cluster_id or (found is None and self.or_unknown):
            return
        what = f"{self.whence} {printable(self.cluster_id)}; nothing was sent"
        if found is None:
            raise UnavailableError(
                f"{address} does not tell its cluster, and {what}. "
                "The producer may be starting, or be of an earlier version"
            )
        raise CommandError(
            f"{address} adds to cluster {printable(found)}, and {what}. "
            "Check TALLY_PORT_BASE, TALLY_GRPC_PORT and TALLY_GRPC_TARGET"
        )


def start_line(address: str, cluster: str | None, rest_address: str) -> str:
    """Return what a load says before it begins: which system it adds to, and the total before, as REST tells it."""
    which = f"cluster {printable(cluster)}" if cluster else "an unknown cluster"
    return f"adding to {which} at {address}; {_total(rest_address)}"


def _total(rest_address: str) -> str:
    try:
        with httpx.Client(base_url=rest_address, timeout=_TOTAL_S, trust_env=not is_loopback(rest_address)) as rest:
            answer = rest.get("/v1/total").raise_for_status().json()
        known = "" if answer["complete"] else ", not complete"
        return f"{rest_address} has counted {int(answer['count']):,}, total {printable(str(answer['total']))}{known}"
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return f"{rest_address} does not say what the total is"
