"""Which connections are open. When there are as many as allowed, the one that has waited the longest gives way.

A connection is WAITING from its beginning until the head of a request is complete and again after each answer, and
ANSWERING in between. Only a waiting one may be closed for another: it loses nothing but a way to ask.
"""

from typing import Generic, TypeVar

C = TypeVar("C")


class Slots(Generic[C]):
    """Used in the event loop only."""

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._open: set[C] = set()
        self._waiting: dict[C, None] = {}

    @property
    def full(self) -> bool:
        """Tell whether there are as many as allowed."""
        return len(self._open) >= self._connections_max

    def enter(self, connection: C) -> None:
        """Take a place; the connection is waiting."""
        assert not self.full
        self._open.add(connection)
        self._waiting[connection] = None

    def answering(self, connection: C) -> None:
        """Note that a request of it is being answered."""
        self._waiting.pop(connection, None)

    def waiting(self, connection: C) -> None:
        """Note that it waits for a request; one that waited already keeps its place in the order."""
        if connection in self._open:
            self._waiting.setdefault(connection)

    def leave(self, connection: C) -> None:
        """Give its place back; nothing if it left before."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def longest_waiting(self) -> C | None:
        """Return the one that may give way, None while all are answering."""
        return next(iter(self._waiting), None)
