"""A cache of bounded size."""

from tally.base.bounded_cache import BoundedCache


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    """A full cache drops the entry that was used longest ago, returns its key, and keeps the others."""
    cache: BoundedCache[str, int] = BoundedCache(2)
    assert cache.put("a", 1) + cache.put("b", 2) == []
    assert cache.get("a") == 1
    assert cache.put("c", 3) == ["b"]
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_the_weight_of_all_entries_is_bounded_and_a_replaced_one_counts_once() -> None:
    """Entries are dropped once their weights exceed the bound, and a replaced entry counts with its new weight only."""
    cache: BoundedCache[str, int] = BoundedCache(10, weight_max=100)
    cache.put("a", 1, weight=60)
    cache.put("a", 2, weight=50)
    assert cache.put("b", 3, weight=50) == []
    assert cache.put("c", 4, weight=40) == ["a"]
    assert len(cache) == 2


def test_an_entry_heavier_than_the_cache_is_not_kept_and_costs_no_other() -> None:
    """An entry that alone exceeds the bound is not kept, and no other entry is dropped for it."""
    cache: BoundedCache[str, int] = BoundedCache(10, weight_max=100)
    cache.put("a", 1, weight=10)
    assert cache.put("b", 2, weight=101) == ["b"]
    assert (cache.get("a"), cache.get("b")) == (1, None)
