"""A bounded cache whose missing values are loaded once, however many threads ask for them at a time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from tally.base.bounded_cache import BoundedCache

Key = TypeVar("Key")
Value = TypeVar("Value")


class LoadingCache(Generic[Key, Value]):
    """Thread-safe. No lock is held while a value is loaded; values are kept as BoundedCache keeps them."""

    def __init__(self, entries_max: int) -> None:
        self._lock = threading.Lock()
        self._known: BoundedCache[Key, Value] = BoundedCache(entries_max)
        self._loading: dict[Key, Future[Value]] = {}

    def get(self, key: Key, load: Callable[[], Value]) -> Value:
        """Return the value of a key, which is not None: the kept one, else what ``load`` returns.

        Whoever comes while it is loaded waits, and has the same value or the same exception. No exception is kept.
        """
        with self._lock:
            if (known := self._known.get(key)) is not None:
                return known
            loading = self._loading.get(key)
            if loading is None:
                own = self._loading[key] = Future[Value]()
        if loading is not None:
            return loading.result()
        try:
            value = load()
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            own.set_exception(error)
            raise
        with self._lock:
            del self._loading[key]
            self._known.put(key, value)
        own.set_result(value)
        return value
