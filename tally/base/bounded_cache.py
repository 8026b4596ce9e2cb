"""A cache of a bounded number of entries and a bounded weight; what was used longest ago is forgotten first."""

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """Not thread-safe. An entry heavier than the whole cache is not kept."""

    def __init__(self, entries_max: int, weight_max: int = 0) -> None:
        """``weight_max`` of 0: entries have no weight."""
        assert entries_max > 0
        self._entries_max = entries_max
        self._weight_max = weight_max
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """Return the value of a key, or None."""
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: Key, value: Value, weight: int = 0) -> list[Key]:
        """Keep a value; return the keys that are forgotten for it."""
        self.drop(key)
        if weight > self._weight_max:
            return [key]
        self._entries[key] = (value, weight)
        self._weight += weight
        forgotten = []
        while len(self._entries) > self._entries_max or self._weight > self._weight_max:
            oldest, (_, freed) = self._entries.popitem(last=False)
            self._weight -= freed
            forgotten.append(oldest)
        return forgotten

    def drop(self, key: Key) -> None:
        """Forget a key, if it is there."""
        found = self._entries.pop(key, None)
        if found is not None:
            self._weight -= found[1]
