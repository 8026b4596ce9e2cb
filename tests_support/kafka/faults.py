"""What goes wrong with a Kafka in memory, by the names that its parts document."""

from collections import deque
from collections.abc import Iterable


class Faults:
    """``queue``: what goes wrong next, each once and in this order. ``lasting``: what goes on until it is taken out."""

    def __init__(self, queue: Iterable[str] = ()) -> None:
        self.queue = deque(queue)
        self.lasting: dict[str, str] = {}
        """By name what Kafka says."""

    def take(self, name: str) -> str:
        """Return what Kafka says of a fault that is met now, using it up when it is queued; nothing when it is not."""
        if self.queue and self.queue[0] == name:
            return self.queue.popleft()
        return self.lasting.get(name, "")
