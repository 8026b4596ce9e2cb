"""The thread of a lane: carries out what the decision table says, and reports to the event loop once a batch.

Theory of operation
-------------------
The loop owns the call queue, the thread owns the Kafka client, and they meet in two places only: the inbox (the loop
puts in a batch, or None for "no more work") and `send` (the thread hands over a `LaneReport`, by
`loop.call_soon_threadsafe`). A lane has at most one batch in hand; the loop gives it the next one after the thread has
reported that it is idle, in the same report as the answers to the last batch.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeAlias, assert_never

from loguru import logger

from producer.core import lane as table
from producer.core.availability import Availability
from producer.core.calls import Batch
from producer.core.lane import Lane, Rules
from producer.core.lane_actions import (
    Abort,
    Action,
    Answer,
    Commit,
    End,
    Produce,
    ReadBack,
    Renew,
    Report,
    Take,
)
from producer.core.lane_events import Event, Found, Stop, Taken, WasReadBack
from producer.core.lane_stages import Resolving
from producer.core.ports import LaneTransactions, Place
from producer.shell.event_encoder import EventEncoder
from tally.kafka.transaction_port import (
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    NoSigns,
    ProduceFailed,
    RenewFailed,
    Suspected,
)

_IDLE_POLL_S = 0.5
"""How often an idle lane polls its client, whose events show the signs of a commit that was sent again."""


@dataclass(frozen=True, slots=True)
class LaneReport:
    """What a lane reports to the loop: answers in order, whether it waits for work, and news of itself.

    ``availability`` is None when it has not changed; ``end`` is None, or why the process must end.
    """

    lane: int
    answers: tuple[Answer, ...] = ()
    idle: bool = False
    availability: Availability | None = None
    end: str | None = None


Inbox: TypeAlias = "SimpleQueue[Batch | None]"


class LaneThread:
    """One lane. `start` it once, `stop` it once; everything else happens in between on its own thread."""

    def __init__(
        self,
        number: int,
        transactions: LaneTransactions,
        encoder: EventEncoder,
        send: Callable[[LaneReport], None],
        rules: Rules,
    ) -> None:
        self.number = number
        self.inbox: Inbox = SimpleQueue()
        self._transactions = transactions
        self._encoder = encoder
        self._send_report = send
        self._rules = rules
        self._stopping = threading.Event()
        self._answers: list[Answer] = []
        self._availability: Availability | None = None  # what the loop has not been told yet
        self._log = logger.bind(lane=number)
        self._last_failure: str | None = None
        self._told_idle = False  # what the loop was last told
        # A daemon: a client that hangs must not keep the process alive after its deadline to stop.
        self._thread = threading.Thread(target=self._run, name=f"lane-{number}", daemon=True)

    def start(self) -> None:
        """Begin with the first instance."""
        self._thread.start()

    def stop(self) -> None:
        """Say that there is no more work; the thread ends after the batch in hand."""
        self._stopping.set()
        self.inbox.put(None)

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; tell whether it ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            lane, actions = table.start()
            while actions:
                event = self._carry_out_all(actions)
                if event is None:
                    break
                before = lane
                lane, actions = table.decide(lane, event, time.monotonic(), self._rules)
                self._log_event(before, event, lane)
            self._send()
        except Exception as error:  # noqa: BLE001 - whatever it is, no call may wait for a thread that is gone
            self._log.exception("the lane's thread died")
            self._send_report(LaneReport(self.number, end=f"lane {self.number} died: {type(error).__name__}: {error}"))
        finally:
            self._transactions.close()

    def _carry_out_all(self, actions: Sequence[Action]) -> Event | None:
        event: Event | None = None
        for action in actions:
            assert event is None, "only the last action yields an event"
            event = self._carry_out(action)
        return event

    def _carry_out(self, action: Action) -> Event | None:  # noqa: PLR0911 - one row an action
        match action:
            case Answer():
                self._answers.append(action)
                return None
            case Report(availability):
                self._availability = availability
                return None
            case End(cause):
                self._send(end=cause)
                return None
            case Take():
                return self._take()
            case Produce(batch):
                return self._transactions.produce(
                    self._encoder.records(batch.attempts, time.time_ns() // 1000, batch.blocks)
                )
            case Commit(timeout_s):
                return self._transactions.commit(timeout_s)
            case Abort():
                return self._transactions.abort()
            case Renew(delay_s):
                self._send()
                return Stop() if self._stopping.wait(delay_s) else self._transactions.renew()
            case ReadBack(batch, offsets, delay_s):
                self._send()
                if delay_s and self._stopping.wait(delay_s):
                    return Stop()
                return self._transactions.read_back(_places(batch, offsets))
            case _:
                assert_never(action)

    def _take(self) -> Event:
        self._send(idle=not self._told_idle)
        self._told_idle = True
        while True:
            try:
                batch = self.inbox.get(timeout=_IDLE_POLL_S)
            except Empty:
                match self._transactions.idle_signs():
                    case NoSigns():
                        continue
                    case Suspected() as event:
                        # The loop knows that the lane is idle; a batch that comes now waits in the inbox.
                        return event
            self._told_idle = False
            return Stop() if batch is None else Taken(batch)

    def _send(self, *, idle: bool = False, end: str | None = None) -> None:
        if self._answers or idle or end is not None or self._availability is not None:
            self._send_report(LaneReport(self.number, tuple(self._answers), idle, self._availability, end))
            self._answers.clear()
            self._availability = None

    def _log_event(self, before: Lane, event: Event, after: Lane) -> None:
        """Log one line for each transaction that did not go the normal way, and none for those that did."""
        log = self._log.bind(stage=f"{type(before.stage).__name__}->{type(after.stage).__name__}".upper())
        match event:
            case CommitReturned():
                self._last_failure = None
            case CommitSuspected(signs) | Suspected(signs):
                log.bind(signs=signs).warning("suspicious transaction, a new instance follows")
            case RenewFailed(trouble):
                # A failure that repeats is logged once; readiness shows that it lasts.
                if trouble.text != self._last_failure:
                    log.bind(error=trouble.text).warning("no transactional client")
                self._last_failure = trouble.text
            case ProduceFailed(trouble) | CommitFailed(trouble) | AbortFailed(trouble):
                log.bind(event=type(event).__name__, error=trouble.text).warning("transaction not committed")
            case WasReadBack(found, detail) if found is not Found.UNDECIDED or not isinstance(after.stage, Resolving):
                log.bind(found=found.value, detail=detail).warning("partitions read back")
            case _:
                pass


def _places(batch: Batch, offsets: Sequence[int]) -> list[Place]:
    return [Place(key, partition, offset) for (key, partition), offset in zip(batch.places(), offsets, strict=True)]
