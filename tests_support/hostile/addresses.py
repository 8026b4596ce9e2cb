"""Where the strangers find the system, and how they connect."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

from stack import Stack

HOST: Final = "127.0.0.1"
CONNECT_S: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The doors of a system: ports of this machine, Kafka's address and the registry's."""

    grpc: int
    rest: int
    metrics: int
    kafka: str
    registry_url: str

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """Return those of a stack."""
        ports = stack.ports
        return cls(
            grpc=ports.grpc,
            rest=ports.rest,
            metrics=ports.metrics,
            kafka=stack.bootstrap_servers,
            registry_url=stack.registry_url,
        )

    @property
    def http(self) -> tuple[int, int]:
        """Return the ports that speak HTTP/1.1."""
        return self.rest, self.metrics


@contextmanager
def connected(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Yield so many connections, or those up to the first that the service did not take; all are closed at the end."""
    with ExitStack() as opened:
        taken: list[socket.socket] = []
        with suppress(OSError):
            while len(taken) < count:
                taken.append(opened.enter_context(socket.create_connection((HOST, port), CONNECT_S)))
        yield taken


def send(one: socket.socket, data: bytes) -> bool:
    """Send, and tell whether the service still took it."""
    try:
        one.sendall(data)
    except OSError:
        return False
    return True


def drained(one: socket.socket, bytes_max: int = 1 << 20) -> None:
    """Read what is answered until the service closes, says nothing for a while, or has said enough."""
    with suppress(OSError):
        while bytes_max > 0 and (got := one.recv(65_536)):
            bytes_max -= len(got)
