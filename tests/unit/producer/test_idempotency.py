"""The bounded cache of known ids."""

from aiocache import SimpleMemoryCache  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from producer.core.idempotency import Known, KnownIds


def cache(records_max: int) -> tuple[KnownIds, SimpleMemoryCache, SimpleMemoryCache]:
    young, old = SimpleMemoryCache(timeout=None), SimpleMemoryCache(timeout=None)
    return KnownIds(young, old, records_max), young, old


def pair(number: int) -> tuple[bytes, Known]:
    return number.to_bytes(16, "big"), (number, -number, number * 2)


@given(st.integers(2, 20), st.lists(st.lists(st.integers(0, 200), max_size=30), max_size=12))
async def test_memory_is_bounded_and_the_newest_are_kept(records_max: int, batches: list[list[int]]) -> None:
    """The cache never exceeds its bound, and always finds the newest half of it."""
    known, young, old = cache(records_max)
    order: list[int] = []
    for batch in batches:
        await known.remember([pair(number) for number in batch])
        order += batch
        assert len(young._cache) + len(old._cache) <= records_max
    for number in order[-(records_max // 2) :]:
        assert await known.find(pair(number)[0]) == pair(number)[1]


async def test_many_are_found_in_order_over_both_generations() -> None:
    """A look-up of many ids answers each in its place, from either generation, and None for one that is not known."""
    known, _, _ = cache(8)
    for number in range(6):
        await known.remember([pair(number)])
    wanted = [pair(number)[0] for number in (5, 99, 2)]
    assert await known.find_all(wanted) == [pair(5)[1], None, pair(2)[1]]
    assert [await known.find(key) for key in wanted] == [pair(5)[1], None, pair(2)[1]]
