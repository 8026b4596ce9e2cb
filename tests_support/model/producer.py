"""A producer process of the model: the real call queue and decision table, driven step by step on a clock of ours."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from producer.core import columns as columnar
from producer.core import lane as table
from producer.core import refusals
from producer.core.addition import Addition
from producer.core.call_queue import CallQueue, Limits, Part
from producer.core.calls import Call
from producer.core.idempotency import Known
from producer.core.lane import Rules
from producer.core.lane_actions import (
    Abort,
    Action,
    Answer,
    Commit,
    Committed,
    End,
    NotCommitted,
    Produce,
    ReadBack,
    Renew,
    Report,
    Take,
    Unknown,
)
from producer.core.lane_events import Event, Taken
from producer.core.ports import Place
from producer.shell.event_encoder import EventEncoder
from tally.event import int128
from tally.kafka.transaction_port import (
    CommitTimedOut,
    Suspected,
)
from tests_support.clock import Clock
from tests_support.kafka.broker import Broker
from tests_support.kafka.transactions import FakeTransactions
from tests_support.ledger.records import SCHEMA_ID

LANES = 2
LIMITS = Limits(records_max=50, bytes_max=100_000, batch_records_max=3)
RULES = Rules()
FAULTS = (
    "renew", "produce", "commit", "commit-held", "commit-lost", "commit-signs", "abort", "abort-held", "read-back",
)  # fmt: skip


@dataclass
class Lane:
    """A lane's thread as data: what it is, and what it does next."""

    number: int
    client: FakeTransactions
    state: table.Lane
    todo: deque[Action] = field(default_factory=deque)


class ProducerProcess:
    """One process. After its end (`dead`) its calls have what answers they got; the others are lost."""

    def __init__(self, broker: Broker, replica: int, clock: Clock) -> None:
        self._clock = clock
        self._queue = CallQueue(LANES, LIMITS)
        self._encoder = EventEncoder(SCHEMA_ID)
        self._calls: list[Call] = []
        self.known: dict[bytes, Known] = {}
        self.dead = False
        self.lanes = []
        for number in range(LANES):
            state, actions = table.start()
            client = FakeTransactions(broker, f"producer-{replica}-{number}")
            self.lanes.append(Lane(number, client, state, deque(actions)))

    def call(
        self, additions: list[tuple[Addition, int]], timeout_s: float, *, as_columns: bool
    ) -> tuple[Call, list[Part]] | None:
        """Let a call wait for additions, each with its partition; None when the queue refuses it.

        Return the rows of each of the call's results, too.
        """
        if self._queue.refusal(len(additions), 10) is not None:
            return None
        call = Call([], self._clock.now_s + timeout_s, 10)
        wanted = [addition for addition, _ in additions]
        known = [self.known.get(addition.request_id) for addition in wanted]
        partitions = [partition for _, partition in additions]
        if as_columns:
            keys = [addition.request_id for addition in wanted]
            a, b = (b"".join(map(int128.to_bytes, each)) for each in zip(*((x.a, x.b) for x in wanted), strict=True))
            columns, _, _ = columnar.read(b"".join(keys), a, b)
            parts = self._queue.join_columns(call, columns, keys, known, np.array(partitions))
        else:
            call.results += [None] * len(wanted)
            self._queue.join(call, range(len(wanted)), wanted, known, partitions)
            parts = [Part((place,), None) for place in range(len(wanted))]
        self._calls.append(call)
        return call, parts

    def step(self) -> None:
        """Let every lane carry out what it has to do once, and end calls whose time is over."""
        for lane in self.lanes:
            self._go_on(lane)
        self.expire()

    def expire(self) -> None:
        """End calls whose deadline has passed."""
        for call in self._calls:
            if call.deadline_s <= self._clock.now_s:
                self._queue.leave(call)
        self._calls = [call for call in self._calls if call.open_count]

    @property
    def idle(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._calls

    def _go_on(self, lane: Lane) -> None:
        while lane.todo and not self.dead:
            action = lane.todo.popleft()
            event = self._carry_out(lane, action)
            if event is not None:
                lane.state, actions = table.decide(lane.state, event, self._clock.now_s, RULES)
                lane.todo.extend(actions)
                return
            if isinstance(action, Take):
                lane.todo.appendleft(action)  # there was nothing to take
                return

    def _carry_out(self, lane: Lane, action: Action) -> Event | None:
        match action:
            case Answer():
                self._answer(lane.number, action)
            case Report():
                pass
            case End():
                self.dead = True
                self._queue.close()
            case Take():
                batch = self._queue.take(lane.number)
                if batch is not None:
                    return Taken(batch)
                seen = lane.client.idle_signs()
                return seen if isinstance(seen, Suspected) else None
            case Produce(batch):
                return lane.client.produce(self._encoder.records(batch.attempts, 1, batch.blocks))
            case Commit(timeout_s):
                answer = lane.client.commit(timeout_s)
                if isinstance(answer, CommitTimedOut):
                    self._clock.now_s += timeout_s
                return answer
            case Abort():
                return lane.client.abort()
            case Renew(delay_s):
                self._clock.now_s += delay_s
                return lane.client.renew()
            case ReadBack(batch, offsets, delay_s):
                self._clock.now_s += delay_s
                places = zip(batch.places(), offsets, strict=True)
                return lane.client.read_back([Place(key, partition, offset) for (key, partition), offset in places])
        return None

    def _answer(self, lane: int, answer: Answer) -> None:
        batch = answer.batch
        match answer.verdict:
            case Committed(offsets):
                self._queue.committed(batch, offsets)
                self.known.update(batch.known())
                self._queue.forget(batch)
            case NotCommitted(cause, fenced):
                refusal = refusals.fenced() if fenced else refusals.aborted(cause)
                self._queue.not_committed(lane, batch, refusal, self._clock.now_s, retry=not fenced)
            case Unknown(cause):
                self._queue.unknown(batch, refusals.unresolved(cause))
