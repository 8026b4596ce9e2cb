"""The thread of a lane: carries out what the decision table says, and tells the event loop once a batch.

Theory of operation
-------------------
The loop owns the waiting room, the thread owns the Kafka client, and they meet in two places only: the inbox (the loop
puts a batch or None for "no more work") and `post` (the thread hands over what it has to tell, by
`loop.call_soon_threadsafe`). A lane has at most one batch in hand; the loop gives it the next one after the thread said
that it is hungry, in the same message as the answers to the last one.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol, TypeAlias, assert_never

from loguru import logger

from producer.core import lane as table
from producer.core.batching import Attempt, Batch
from producer.core.lane import Lane, Rules
from producer.core.lane_terms import (
    Abort,
    Action,
    Answer,
    Commit,
    End,
    Event,
    Found,
    Produce,
    ReadBack,
    Renew,
    Report,
    Resolving,
    Stop,
    Suspected,
    Take,
    Taken,
    WasReadBack,
)
from producer.core.ports import LaneTransactions, Place
from tally.kafka.transaction_port import AbortFailed, CommitFailed, CommitReturned, Outgoing, ProduceFailed, RenewFailed

_IDLE_POLL_S = 0.5
"""How often an idle lane serves its client's events; the signs of a suspicious commit come with them."""


class Encoder(Protocol):
    """Makes the records of a batch."""

    def records(self, attempts: Sequence[Attempt], now_us: int) -> list[Outgoing]:
        """Return one record for each attempt, in order."""


@dataclass(frozen=True, slots=True)
class Post:
    """What a lane tells the loop: answers in order, whether it waits for work, and news about itself.

    ``report`` is None when there is no news, "" when the lane is ready, else why it is not; ``end`` ends the process.
    """

    lane: int
    answers: tuple[Answer, ...] = ()
    hungry: bool = False
    report: str | None = None
    end: str | None = None


Inbox: TypeAlias = "SimpleQueue[Batch | None]"


class LaneThread:
    """One lane. `start` it once, `stop` it once; everything else happens in between on its own thread."""

    def __init__(
        self,
        number: int,
        transactions: LaneTransactions,
        encoder: Encoder,
        post: Callable[[Post], None],
        rules: Rules,
    ) -> None:
        self.number = number
        self.inbox: Inbox = SimpleQueue()
        self._transactions = transactions
        self._encoder = encoder
        self._post = post
        self._rules = rules
        self._stopping = threading.Event()
        self._answers: list[Answer] = []
        self._report: str | None = None
        self._log = logger.bind(lane=number)
        self._last_failure = ""
        self._hungry = False  # what the loop was told
        # A daemon: a client that hangs must not keep a process alive whose deadline to stop has passed.
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
                self._tell_people(before, event, lane)
            self._send()
        except Exception as error:  # noqa: BLE001 - whatever it is, the calls must not wait for a thread that is gone
            self._log.exception("the lane's thread died")
            self._post(Post(self.number, end=f"lane {self.number} died: {type(error).__name__}: {error}"))
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
            case Report(reason):
                self._report = reason
                return None
            case End(cause):
                self._send(end=cause)
                return None
            case Take():
                return self._take()
            case Produce(batch):
                return self._transactions.produce(self._encoder.records(batch.attempts, time.time_ns() // 1000))
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
        self._send(hungry=not self._hungry)
        self._hungry = True
        while True:
            try:
                batch = self.inbox.get(timeout=_IDLE_POLL_S)
            except Empty:
                signs = self._transactions.idle_signs()
                if not signs:
                    continue
                # The loop knows that the lane is hungry; a batch that comes now waits in the inbox.
                return Suspected(signs)
            self._hungry = False
            return Stop() if batch is None else Taken(batch)

    def _send(self, *, hungry: bool = False, end: str | None = None) -> None:
        if self._answers or hungry or end is not None or self._report is not None:
            self._post(Post(self.number, tuple(self._answers), hungry, self._report, end))
            self._answers.clear()
            self._report = None

    def _tell_people(self, before: Lane, event: Event, after: Lane) -> None:
        """One line for each transaction that did not go the everyday way; never one for each that did."""
        log = self._log.bind(stage=f"{type(before.stage).__name__}->{type(after.stage).__name__}".upper())
        match event:
            case CommitReturned(""):
                self._last_failure = ""
            case CommitReturned(signs) | Suspected(signs):
                log.bind(signs=signs).warning("suspicious transaction, a new instance follows")
            case RenewFailed(trouble):
                # The same failure again and again is told once; readiness shows that it lasts.
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
    return [
        Place(attempt.addition.request_id, attempt.partition, offset)
        for attempt, offset in zip(batch.attempts, offsets, strict=True)
    ]
