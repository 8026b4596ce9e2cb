"""Where and how long a client may be used: in the process that made it, in one event loop, until it is closed.

Theory of operation. ``Usage`` is asked at the door of every method, so that a wrong use is one clear error and never
a wait for an answer that cannot come. The event loop is the first one that a call is made in.

gRPC's threads do not exist in a forked child, while their locks and queues do. Seen with gRPC 1.85: a call in the child
hangs, a new channel ends the process by SIGSEGV or SIGABRT, and so does letting the parent's channel go. All of this
holds as long as the parent had one channel at the moment of the fork, and none of it once all were closed and let go.
So a child keeps what it inherited, and is told not to begin.
"""

import asyncio
import os
from typing import Final
from weakref import WeakSet

import grpc

_CURE: Final = (
    "close every client before the fork and make a new one in the child, or make the first client after the fork, "
    'or start processes by "spawn" (multiprocessing.get_context("spawn")), which do not inherit gRPC\'s threads'
)
FORKED: Final = f"this client was made before a fork, and does not work in the child: {_CURE}"
_SPOILED: Final = (
    f"gRPC does not work in this process: it was forked while a client was open. {_CURE[0].upper()}{_CURE[1:]}"
)
CLOSED: Final = "this client is closed: make a new one"


class ClientUseError(RuntimeError):
    """A client cannot be used here: it is closed, or belongs to another process or event loop. The message has the
    cure. Nothing was sent by the call that raised it."""


class Usage:
    """Belongs to one client; see the module's theory of operation."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False

    @property
    def forked(self) -> bool:
        """Whether this is a child of the process that made the client."""
        return os.getpid() != self._pid

    def check(self) -> None:
        """Raise ClientUseError if the client cannot be used in this process, or no longer."""
        if self.forked:
            raise ClientUseError(FORKED)
        if self.closed:
            raise ClientUseError(CLOSED)

    def enter(self) -> None:
        """Raise ClientUseError if the client cannot be used in the event loop that runs."""
        self.check()
        self.stay()

    def stay(self) -> None:
        """Raise ClientUseError in an event loop that is not the client's; the first one that asks becomes that."""
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = running
        if self._loop is not running:
            ended = "has ended" if self._loop.is_closed() else "is another one"
            raise ClientUseError(
                f"this client belongs to the event loop in which it was first used, and that {ended}: make a client "
                "in each event loop, or share a BlockingClient among threads"
            )


_channels: "WeakSet[grpc.aio.Channel]" = WeakSet()
"""Those of this process that were not let go."""
_inherited: list[grpc.aio.Channel] = []
"""Those of the process that this one was forked from. Never let go, which would hang."""


def keep_watch(channel: grpc.aio.Channel) -> None:
    """Note that from now on gRPC does not work in a fork of this process, until the channel is let go."""
    _channels.add(channel)


def check_process() -> None:
    """Raise ClientUseError where no channel can be made."""
    if _inherited:
        raise ClientUseError(_SPOILED)


def _in_child() -> None:
    _inherited.extend(_channels)
    _channels.clear()


os.register_at_fork(after_in_child=_in_child)
