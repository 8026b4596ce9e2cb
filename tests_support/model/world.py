"""The world of the model: producers, consumers, a broker and a clock; what may happen, and what must hold."""

import random
from collections import deque

from consumer.core.partition.state import Refused, Running
from producer.core.addition import Addition
from producer.core.calls import Placed
from tally.base.framing import frame
from tally.event.codes import COUNTED
from tally.event.rows import next_offset
from tests_support.clock import Clock
from tests_support.kafka.broker import Broker
from tests_support.ledger.fake_disk import Fail
from tests_support.ledger.records import SCHEMA_ID, Row, body, plain, reference, request_id
from tests_support.model import truth
from tests_support.model.consumer import Replica
from tests_support.model.producer import ProducerProcess
from tests_support.model.truth import USED, Try

REPLICAS = ("a", "b")
ZOMBIES_MAX = 2
ROUNDS_MAX = 500


class World:
    """See the module. All randomness is ``rng``'s."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.clock = Clock()
        self.broker = Broker()
        self.producers = [ProducerProcess(self.broker, number, self.clock) for number in range(2)]
        self._zombies: list[tuple[int, ProducerProcess]] = []
        self.replicas = {name: Replica(name, self.broker, self.clock) for name in REPLICAS}
        self.broker.group.target = dict(zip(USED, REPLICAS, strict=True))
        self._tries: dict[bytes, list[Try]] = {}
        self._foreign: set[bytes] = set()
        self._checked: dict[object, object] = {}
        self._truths: dict[int, tuple[int, list[Row]]] = {}

    # -- what may happen ---------------------------------------------------------------------------------------------

    def call(
        self, at: int, wanted: list[tuple[int, int, tuple[int, int]]], timeout_s: float, *, as_columns: bool
    ) -> None:
        """Let a caller ask a producer for additions of (partition, number of the id, operands)."""
        additions = [(Addition(request_id(number, p), a, b), p) for p, number, (a, b) in wanted]
        waiting = self.producers[at].call(additions, timeout_s, as_columns=as_columns)
        if waiting is not None:
            call, parts = waiting
            for place, part in enumerate(parts):
                for row, which in enumerate(part.rows):
                    addition, _ = additions[int(which)]
                    one = Try(addition, call, place, part.block, row)
                    self._tries.setdefault(addition.request_id, []).append(one)

    def pass_time(self, seconds: float) -> None:
        """Move the clock, and let deadlines pass."""
        self.clock.now_s += seconds
        for process in self._processes():
            process.expire()

    def step_producer(self, at: int, steps: int) -> None:
        """Let a producer go on, and an older process of the same name beside it."""
        for _ in range(steps):
            for number, process in [(at, self.producers[at]), *self._zombies]:
                if number == at:
                    process.step()
        self._zombies = [(number, process) for number, process in self._zombies if not process.dead]
        if self.producers[at].dead:
            self.kill_producer(at)

    def fault_producer(self, at: int, faults: list[str]) -> None:
        """Let each lane meet these faults, one after another."""
        for lane in self.producers[at].lanes:
            lane.client.faults.queue = deque(faults)

    def kill_producer(self, at: int) -> None:
        """SIGKILL and start again; who waited for an answer gets none."""
        self.producers[at] = ProducerProcess(self.broker, at, self.clock)

    def start_twice(self, at: int) -> None:
        """Start another process of the same name while the old one runs on."""
        self._zombies = [*self._zombies, (at, self.producers[at])][-ZOMBIES_MAX:]
        self.kill_producer(at)

    def release(self, which: int) -> None:
        """Let a request arrive that was held back on its way."""
        if self.broker.held:
            self.broker.held.pop(which % len(self.broker.held))()
        if self.broker.group.late:
            self.broker.group.arrive(which % len(self.broker.group.late))

    def time_transaction_out(self) -> None:
        """Let the broker abort the oldest open transaction."""
        for transactional_id in list(self.broker.open)[:1]:
            self.broker.raise_epoch(transactional_id)

    def write_foreign(self, partition: int, number: int, how: str) -> None:
        """Let somebody else write a record, honest or not."""
        own = request_id(number, partition)
        good = frame(SCHEMA_ID) + body(own, 2, 40)
        records = {
            "junk": (b"key", b"junk"),
            "wrong sum": (own, frame(SCHEMA_ID) + body(own, 2, 40, 41)),
            "wrong key": (request_id(number + 1, partition), good),
            "honest": (own, good),
        }
        if how == "honest":
            self._foreign.add(own)
        self.broker.log(partition).commit([records[how]])

    def rounds(self, name: str, rounds: int) -> None:
        """Let a consumer go on."""
        for _ in range(rounds):
            self.replicas[name].round(self.rng)

    def fail_disk(self, name: str, partition: int, error: OSError) -> None:
        """Let a write (no room) or an fsync (I/O error) fail while a consumer goes on."""
        operation = "write" if error.errno == 28 else "sync"
        fail: Fail = lambda seen, path: error if seen == operation else None  # noqa: E731
        self.replicas[name].disks[partition].fail = fail
        self.rounds(name, 2)
        self.replicas[name].disks[partition].fail = None

    def cut_power_at(self, name: str, partition: int, operations: int) -> None:
        """Let the power go after so many further operations on a partition's disk, if the consumer makes as many."""
        disk = self.replicas[name].disks[partition]
        disk.cut_at = len(disk.log) + operations
        self.rounds(name, 3)
        disk.cut_at = None

    # -- what must hold ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Check everything that must hold at any moment."""
        truth.check_answers(self.broker, self._tries, self._foreign)
        truths = {partition: self.truth_of(partition) for partition in USED}
        truth.check_dead_letters(self.broker, truths, settled=False)
        for partition, rows in truths.items():
            committed = self.broker.group.committed.get(partition)
            if committed is not None and self._is_new(partition, committed):
                truth.check_witness(partition, *committed, rows)
            for replica in self.replicas.values():
                self._check_replica(replica, partition, rows)

    def _check_replica(self, replica: Replica, partition: int, rows: list[Row]) -> None:
        own = replica.own(partition)
        where = f"partition {partition} of replica {replica.name}"
        # The topic is never harmed here, so there is never a reason to refuse.
        assert not isinstance(own.state, Refused), f"{where}: {own.state}"
        if own.figures is None:
            return
        if self._is_new((replica.name, partition), (replica.starts, own.figures.next_offset)):
            truth.check_rows(plain(replica.rows(partition)), rows, where)
        group = self.broker.group
        if isinstance(own.state, Running) and group.owner.get(partition) == replica.name:
            committed = group.committed.get(partition, (0, ""))[0]
            valid = group.members[replica.name].valid
            assert not valid or own.figures.next_offset >= committed, f"I8: {where} runs and is shorter than committed"

    def quiesce(self) -> None:
        """Stop all faults and let everything go on until nothing moves any more."""
        while self.broker.held or self.broker.group.late:
            self.release(0)
        self._zombies.clear()
        for replica in self.replicas.values():
            replica.start()  # who believes that more is committed than is finds out
        for number in range(len(self.producers)):
            self.fault_producer(number, [])
        for _ in range(ROUNDS_MAX):
            for number in range(len(self.producers)):
                self.step_producer(number, 1)
            for name in REPLICAS:
                self.rounds(name, 1)
            self.check()
            if self._is_quiet():
                return
        raise AssertionError(f"it never comes to rest: {[self._owner(p).own(p) for p in USED]}")

    def check_as_a_whole(self) -> None:
        """Check what holds at rest: I1, and each poison in the dead-letter topic once (I10)."""
        truths = {partition: self.truth_of(partition) for partition in USED}
        truth.check_dead_letters(self.broker, truths, settled=True)
        for partition, rows in truths.items():
            assert plain(self._owner(partition).rows(partition)) == rows, f"partition {partition} is not whole"
        counted = {row.request_id for rows in truths.values() for row in rows if row.kind == COUNTED}
        for own, tries in self._tries.items():
            if any(isinstance(attempt.result, Placed) for attempt in tries):
                assert own in counted, f"I1: {own.hex()} was answered OK and is not counted"

    def truth_of(self, partition: int) -> list[Row]:
        """Return what a ledger must be a prefix of."""
        end = self.broker.log(partition).last_stable
        known = self._truths.get(partition)
        if known is None or known[0] != end:
            self._truths[partition] = known = (end, reference(self.broker.read_committed(partition), partition))
        return known[1]

    def _is_quiet(self) -> bool:
        if self.broker.open or not all(process.idle for process in self.producers):
            return False
        for partition in USED:
            own, rows = self._owner(partition).own(partition), self.truth_of(partition)
            end = next_offset(rows[-1].offset) if rows else 0
            committed = self.broker.group.committed.get(partition, (0, ""))[0]
            if not isinstance(own.state, Running) or own.figures is None or own.figures.next_offset != end:
                return False
            if committed != end:
                return False
        return True

    def _owner(self, partition: int) -> Replica:
        return self.replicas[self.broker.group.target[partition]]

    def _processes(self) -> list[ProducerProcess]:
        return [*self.producers, *(process for _, process in self._zombies)]

    def _is_new(self, about: object, value: object) -> bool:
        before, self._checked[about] = self._checked.get(about), value
        return before != value
