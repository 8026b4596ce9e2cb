"""A value is loaded once at a time, and kept within bounds."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from tally.base.loading_cache import LoadingCache
from tests_support.waiting import eventually

ASKERS = 4
WAIT_S = 20.0


def ask_together(
    cache: LoadingCache[str, object], value: Callable[[], object]
) -> tuple[list[Future[object]], list[int]]:
    """Ask while the first load is on its way; return what each asker got, and an entry for each load.

    One may come so late that a first failure is over: it loads again.
    """
    release, loads = threading.Event(), []

    def load() -> object:
        loads.append(1)
        assert release.wait(WAIT_S)
        return value()

    with ThreadPoolExecutor(ASKERS) as pool:
        first = pool.submit(cache.get, "key", load)
        eventually(lambda: loads, WAIT_S, "the first load is on its way")
        others = [pool.submit(cache.get, "key", load) for _ in range(ASKERS - 1)]
        eventually(pool._work_queue.empty, WAIT_S, "all have come")
        assert cache.get("other", lambda: 7) == 7, "another key does not wait"
        release.set()
        wait([first, *others], WAIT_S)
    return [first, *others], loads


def test_who_comes_while_a_value_is_loaded_or_later_has_that_value() -> None:
    """Callers that want what is being loaded share it, and another key does not wait for it."""
    asks, loads = ask_together(LoadingCache(2), object)
    assert len({id(each.result()) for each in asks}) == len(loads) == 1


def test_a_failure_is_shared_and_not_kept() -> None:
    """Callers that want what is being loaded share its error, and whoever comes later loads again."""
    cache: LoadingCache[str, object] = LoadingCache(2)

    def fail() -> object:
        raise ValueError("no")

    asks, loads = ask_together(cache, fail)
    assert {type(each.exception()) for each in asks} == {ValueError}
    assert len({id(each.exception()) for each in asks}) == len(loads) < ASKERS
    assert cache.get("key", lambda: 7) == 7


def test_what_is_kept_is_bounded() -> None:
    """What was used longest ago is loaded again."""
    cache: LoadingCache[int, str] = LoadingCache(2)
    for key, text in ((1, "one"), (2, "two"), (3, "three")):
        assert cache.get(key, lambda text=text: text) == text  # type: ignore[misc]
    assert [cache.get(key, lambda: "again") for key in (2, 3)] == ["two", "three"]
    assert cache.get(1, lambda: "again") == "again"
