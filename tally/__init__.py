"""The library of Tally: a program adds numbers by ``from tally import Client`` or ``BlockingClient``.

The names come from ``tally.client`` when they are first asked for, so that the rooms below can be imported without
gRPC.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tally.client import (
        Addition,
        BlockingClient,
        Client,
        ClientUseError,
        ColumnOutcomes,
        Committed,
        FieldViolation,
        Outcome,
        Position,
        Refused,
        RetryPolicy,
        Unknown,
    )
else:  # hidden from type checkers, which would take any name for one of these

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from tally import client  # noqa: PLC0415 - what this function is for

        globals()[name] = found = getattr(client, name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Addition",
    "BlockingClient",
    "Client",
    "ClientUseError",
    "ColumnOutcomes",
    "Committed",
    "FieldViolation",
    "Outcome",
    "Position",
    "Refused",
    "RetryPolicy",
    "Unknown",
]
