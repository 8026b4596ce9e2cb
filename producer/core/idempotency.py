"""The ids known to be committed: a bounded cache that saves work and is never the guarantee.

It dies with the process and knows nothing of other replicas; it is the ledger that counts an id once.

The cache behind it is aiocache's, which has no bound and would need a call for each key to forget. So there are two of
them, as generations: entries go into the young one, and when it is full, the old one is cleared and the two change
places. Kept are the latest entries: between half of the bound and all of it.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

Known: TypeAlias = tuple[int, int, int]
"""(a, b, offset) of a committed id; a, b unscaled. A bare tuple of integers: the garbage collector skips it."""


class Cache(Protocol):
    """The part of aiocache's interface that is used; one call per batch."""

    async def get(self, key: bytes) -> Any:
        """Return a key's value or None."""

    async def multi_get(self, keys: Sequence[bytes]) -> Sequence[Any]:
        """Return the values of the keys, None where there is none."""

    async def raw(self, command: str, *arguments: Any) -> Any:
        """Call the method of this name on the dictionary behind the cache."""

    async def clear(self) -> Any:
        """Forget everything."""


class KnownIds:
    """The ids known to be committed, at most ``records_max`` of them. Used by the event loop's thread alone."""

    def __init__(self, young: Cache, old: Cache, records_max: int) -> None:
        assert records_max >= 2
        self._young = young
        self._old = old
        self._generation_max = records_max // 2
        self._young_count = 0
        self._old_count = 0

    async def find(self, request_id: bytes) -> Known | None:
        """Return what is known of one id."""
        found: Known | None = await self._young.get(request_id)
        if found is None and self._old_count:
            found = await self._old.get(request_id)
        return found

    async def find_all(self, request_ids: Sequence[bytes]) -> Sequence[Known | None]:
        """Return what is known of each id, in order."""
        found: list[Known | None] = [None] * len(request_ids)
        for generation in (self._old, self._young):
            # Most calls bring only new ids; seeing that is ten times as fast as looking each one up.
            if not (await generation.raw("keys")).isdisjoint(request_ids):
                values = await generation.multi_get(request_ids)
                found = [before if value is None else value for before, value in zip(found, values, strict=True)]
        return found

    async def remember(self, pairs: Sequence[tuple[bytes, Known]]) -> None:
        """Add committed ids. If they are more than half of the bound at once, the last ones are kept."""
        kept = pairs[-self._generation_max :]
        if self._young_count + len(kept) > self._generation_max:
            await self._old.clear()
            self._young, self._old = self._old, self._young
            self._young_count, self._old_count = 0, self._young_count
        await self._young.raw("update", kept)  # multi_set awaits once for each pair
        self._young_count += len(kept)
