"""The life of the consumer's process: STARTING -> SERVING -> DRAINING -> ended.

Theory of operation. One thread counts, one observes, and the event loop in the main thread serves REST. A signal, or
the end of the counting, ends all of it within one deadline; a disk that failed ends the process at once.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from loguru import logger

from consumer.settings import ConsumerSettings
from consumer.shell.ingest.loop import IngestLoop
from consumer.shell.views.observer import Observer
from consumer.shell.views.readiness import Readiness
from observability.telemetry import Telemetry
from tally.base.deadline import Deadline
from tally.kafka.trouble import ConsumerEndedError
from tally.ledger.storage.errors import LedgerFailed
from tally.service import process
from tally.service.memory import keep_giving_back

if TYPE_CHECKING:
    from consumer.assembly.rest import RestServer

_STARTING_SWITCH_S: Final = 0.0005
"""How soon the interpreter goes over to another thread while REST is imported, which is one long computation: the
threads that recover and count would wait the default of 5 ms after each answer of Kafka."""
_TELEMETRY_LIMIT_S: Final = 2.0
"""For sending what was measured last; a backend that hangs must not hold up the end."""
_EXIT_DISK_FAILED: Final = 74
"""EX_IOERR of sysexits.h."""


class Service:
    """See the module's theory of operation. ``run`` is called once, in the main thread."""

    def __init__(
        self,
        settings: ConsumerSettings,
        telemetry: Telemetry,
        *,
        ingest: IngestLoop,
        observer: Observer,
        readiness: Readiness,
        make_rest: Callable[[], "RestServer"],
        closes: Sequence[Callable[[], None]],
    ) -> None:
        """``make_rest`` is called once counting has begun; ``closes`` end what else runs, and return when it ended."""
        self._settings = settings
        self._telemetry = telemetry
        self._ingest = ingest
        self._observer = observer
        self._readiness = readiness
        self._make_rest = make_rest
        self._closes = closes

    async def run(self, listener: socket.socket) -> int:
        """Serve until a signal or a reason to end; return the exit code."""
        loop = asyncio.get_running_loop()
        end: asyncio.Future[int] = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(_end_with, end, 0, f"{number.name}: draining"))
        # Counting goes on before REST is there: a consumer that was killed has records waiting.
        ingest = threading.Thread(
            target=self._count, args=(partial(_end_with, end, 1), loop), name="ingest", daemon=True
        )
        observer = threading.Thread(target=self._observer.run, name="observer", daemon=True)
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(_STARTING_SWITCH_S)
        ingest.start()
        observer.start()
        rest = self._make_rest()
        sys.setswitchinterval(usual_s)
        process.collect_garbage_again()
        tidying = asyncio.create_task(keep_giving_back())
        serving = asyncio.create_task(rest.serve(listener))
        logger.bind(host=self._settings.rest_host, port=self._settings.rest_port).info("listening for REST")
        code = await end
        tidying.cancel()
        drained = await self._drain(rest, serving, [ingest, observer])
        await asyncio.to_thread(self._telemetry.close, _TELEMETRY_LIMIT_S)
        if not drained:
            logger.warning("not all was finished in time; the ledger has what is counted, the rest is read again")
        logger.info("ended")
        return code

    async def _drain(
        self, rest: "RestServer", serving: "asyncio.Task[None]", threads: Sequence[threading.Thread]
    ) -> bool:
        """End everything within one deadline; return whether all of it ended."""
        deadline = Deadline.after(self._settings.consumer_shutdown_timeout_ms / 1000)
        self._readiness.ending = True
        self._ingest.stop(deadline)
        self._observer.stop()
        rest.stop()
        waits = [*(thread.join for thread in threads), *self._closes]
        ends = [asyncio.create_task(asyncio.to_thread(wait)) for wait in waits]
        _, pending = await asyncio.wait([serving, *ends], timeout=deadline.left_s())
        return not pending

    def _count(self, fail: Callable[[str], None], loop: asyncio.AbstractEventLoop) -> None:
        """Run the ingest loop in its thread; however it ends, the process ends with it."""
        try:
            self._ingest.run()
        except LedgerFailed as error:
            # Nothing may be tried again or tidied up: what is on the disk is found out by the next start.
            logger.critical("the disk failed, the process ends at once: {}", error)
            os._exit(_EXIT_DISK_FAILED)
        except ConsumerEndedError as error:
            loop.call_soon_threadsafe(fail, str(error))
        except Exception:  # noqa: BLE001 - a defect; it is logged and ends the process
            logger.exception("the ingest loop ended by a defect")
            loop.call_soon_threadsafe(fail, "the ingest loop ended by a defect")


def _end_with(end: "asyncio.Future[int]", code: int, why: str) -> None:
    if end.done():
        return
    if code:
        logger.error("ends: {}", why)
    else:
        logger.info("ends: {}", why)
    end.set_result(code)
