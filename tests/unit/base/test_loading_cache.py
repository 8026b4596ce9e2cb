"""A value is loaded once at a time, and kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tally.base.loading_cache import LoadingCache
from tests_support.waiting import eventually

WAIT_S = 20.0


def test_threads_that_want_one_value_load_it_once_and_another_key_does_not_wait() -> None:
    """Whoever comes during the load or after it has the first thread's value."""
    cache: LoadingCache[str, object] = LoadingCache(2)
    release, loaded = threading.Event(), []

    def load() -> object:
        loaded.append(1)
        assert release.wait(WAIT_S)
        return object()

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(cache.get, "key", load)
        eventually(lambda: loaded, WAIT_S, "the first thread loads")
        others = [pool.submit(cache.get, "key", load) for _ in range(3)]
        eventually(pool._work_queue.empty, WAIT_S, "all have come")
        assert cache.get("other", lambda: 7) == 7, "another key does not wait"
        release.set()
        values = [each.result(WAIT_S) for each in [first, *others]]
    assert len(set(map(id, values))) == len(loaded) == 1


def test_a_failure_is_not_kept() -> None:
    """The next one who asks loads again."""
    cache: LoadingCache[str, int] = LoadingCache(2)

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("key", fail)
    assert cache.get("key", lambda: 7) == 7


def test_what_is_kept_is_bounded_by_number_and_by_weight() -> None:
    """What was used longest ago is loaded again; what is too heavy is never kept."""
    cache: LoadingCache[int, str] = LoadingCache(2, 10, len)
    for key, text in ((1, "one"), (2, "two"), (3, "three"), (4, "much too long")):
        assert cache.get(key, lambda text=text: text) == text  # type: ignore[misc]
    assert [cache.get(key, lambda: "again") for key in (2, 3, 4)] == ["two", "three", "again"]
    assert cache.get(1, lambda: "again") == "again"
