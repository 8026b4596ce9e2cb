"""Who has a port that is taken, and what to do about it."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from tally.base.shown.values import printable

_COMMAND_LENGTH_MAX: Final = 100
_UNSEEN: Final = "a process that this user cannot see"


@dataclass(frozen=True)
class Owner:
    """What has a port, and how the port gets free."""

    what: str
    cure: str = "end it"


def owner_of(port: int) -> Owner:
    """Return who listens on a port, else which connection has it, as far as this user may see it."""
    found: dict[str, int | None] = {}
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            here = connection.laddr  # an empty tuple for a socket without an address
            if here and here.port == port:
                found[connection.status] = connection.pid or found.get(connection.status)
    listens = psutil.CONN_LISTEN in found
    pid = found[psutil.CONN_LISTEN] if listens else next(filter(None, found.values()), None)
    if set(found) == {psutil.CONN_TIME_WAIT}:
        return Owner(
            "no process, but a connection that has ended, which the system keeps for a minute (TIME-WAIT)",
            "try again in a minute",
        )
    if pid is None:
        return Owner(_UNSEEN)
    who = f"process {pid} ({_command_of(pid)})"
    if listens:
        return Owner(who)
    return Owner(
        f"a connection of {who}, which does not listen: the system gave this port to it for a call to somewhere else",
        "end it or wait",
    )


def _command_of(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        words = psutil.Process(pid).cmdline()
        # Without options, which for Java would fill the line: `java kafka.Kafka FILE`.
        plain = [Path(words[0]).name, *(word for word in words[1:] if not word.startswith("-"))] if words else ["?"]
        text = printable(" ".join(plain))
        return text if len(text) <= _COMMAND_LENGTH_MAX else f"{text[: _COMMAND_LENGTH_MAX - 1]}…"
    return "?"
