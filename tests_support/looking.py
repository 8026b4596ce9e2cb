"""Looking at a system again and again beside a test, on a thread of its own."""

import threading
from collections.abc import Callable
from typing import Final

_END_S: Final = 60.0


class Looking:
    """Calls ``look`` every ``interval_s`` from `start` to `stop`.

    What a look raises ends it and is raised by `stop`: a watch that died early would have seen nothing wrong.
    """

    def __init__(self, look: Callable[[], None], interval_s: float) -> None:
        self._look = look
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look in hand. Raises what one has raised."""
        self._stop.set()
        self._thread.join(_END_S)
        assert not self._thread.is_alive(), f"a look takes longer than {_END_S:g} s"
        if self._failures:
            raise self._failures[0]

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._interval_s):
                self._look()
        except BaseException as error:  # noqa: BLE001 - stop() raises it in the test's thread
            self._failures.append(error)
