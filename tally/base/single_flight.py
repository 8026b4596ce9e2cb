"""One question at a time: whoever asks the same while it is on its way waits for that answer, failures included."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class SingleFlight(Generic[Key, Answer]):
    """Questions on their way, by key. Thread-safe; no lock is held while one is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Key, Future[Answer]] = {}

    def ask(self, key: Key, question: Callable[[], Answer]) -> Answer:
        """Return what ``question`` returns, or raise what it raises: this caller's, or that which is on its way.

        An answer is not kept. A caller who comes right behind one asks again: let the question look first whether its
        answer is there.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                own = self._flights[key] = Future[Answer]()
        if flight is not None:
            return flight.result()
        try:
            answer = question()
        except BaseException as error:
            self._land(key)
            own.set_exception(error)
            raise
        self._land(key)
        own.set_result(answer)
        return answer

    def _land(self, key: Key) -> None:
        with self._lock:
            del self._flights[key]
