"""Kafka as a consumer process of the model sees it: facts, records, dead letters, the group, and what fails of it."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from consumer.core.recovery import Absent, Committed, Known
from consumer.shell.kafka.ports import (
    CommitOutcome,
    CommitSent,
    Fetch,
    NextOffsets,
    OffsetsCommitted,
    OffsetsNotCommitted,
    Ownership,
)
from tally.base.deadline import Deadline
from tally.event.claims import Claim, claim_of
from tally.event.classify import Fetched
from tally.kafka.facts import LogEnds
from tally.kafka.topic_identity import TopicIdentity
from tally.kafka.transaction_port import (
    NO_HEADERS,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    Delivered,
    Headers,
    Kind,
    OffsetsToCommit,
    Outgoing,
    ProduceFailed,
    Trouble,
)
from tally.kafka.trouble import KafkaTroubleError
from tally.ledger.format.witness import decode as decode_witness
from tests_support.ledger.records import PARTITIONS, fetched
from tests_support.model.broker import Broker, DeadLetter, Member
from tests_support.producer.transactions import FakeTransactions

TOPIC_ID = "topic-1"
FAULTS = ("down", "commit-error", "commit-lost", "commit-held", "letters-timeout", "letters-lost")


class Faults:
    """What goes wrong next, each once; ``down`` stays for some questions."""

    def __init__(self) -> None:
        self.queue: deque[str] = deque()
        self.down = 0

    def take(self, name: str) -> bool:
        """Tell whether this one is next, and use it up."""
        if self.queue and self.queue[0] == name:
            self.queue.popleft()
            return True
        return False

    def answer(self) -> None:
        """Fail a question to Kafka while it is down."""
        if self.take("down"):
            self.down = 3
        if self.down:
            self.down -= 1
            raise KafkaTroubleError("Kafka did not answer")


class Facts:
    """KafkaFacts of the sums or, with ``letters``, of the dead-letter topic; of the sums GroupOffsets, too."""

    def __init__(self, broker: Broker, faults: Faults, *, letters: bool = False) -> None:
        self._broker, self._faults, self._letters = broker, faults, letters

    def topic(self) -> TopicIdentity:
        self._faults.answer()
        return TopicIdentity(TOPIC_ID, PARTITIONS)

    def cluster_id(self) -> str:
        return "cluster"

    def committed(self, partitions: Iterable[int], limit_s: float = 0.0) -> dict[int, Committed]:
        self._faults.answer()
        return {partition: self._committed(partition) for partition in partitions}

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        self._faults.answer()
        if self._letters:
            return {
                p: LogEnds(0, sum(letter.partition == p for letter in self._broker.dead_letters)) for p in partitions
            }
        return {partition: LogEnds(0, self._broker.stable_end(partition)) for partition in partitions}

    def _committed(self, partition: int) -> Committed:
        found = self._broker.group.committed.get(partition)
        return Absent() if found is None else Known(found[0], decode_witness(found[1]))


class Reader:
    """RecordReader."""

    def __init__(self, broker: Broker, faults: Faults) -> None:
        self._broker, self._faults = broker, faults

    def records_at(self, partition: int, offsets: list[int]) -> Iterator[Fetched]:
        self._faults.answer()
        found = [each for each in self._broker.records(partition) if each.offset in set(offsets)]
        return iter([fetched(found, partition)] if found else [])

    def claims(self, partition: int, topic_id: str, start: int, below: int) -> dict[int, tuple[Claim, ...]]:
        self._faults.answer()
        mine = [each for each in self._broker.dead_letters if each.partition == partition and each.offset < below]
        return {each.offset: (each.claim,) for each in mine}

    def next_alone(self, partition: int, offset: int) -> Fetched:
        raise AssertionError("the model has no batch that is too large")


class LetterClient(FakeTransactions):
    """The transactional client of one partition's dead letters."""

    def __init__(self, broker: Broker, faults: Faults, transactional_id: str) -> None:
        super().__init__(broker.letters, transactional_id)
        self._broker, self._failing = broker, faults
        self._letters: list[DeadLetter] = []

    def produce(
        self, records: Sequence[Outgoing], headers: Headers = NO_HEADERS, offsets: OffsetsToCommit | None = None
    ) -> Delivered | ProduceFailed:
        """See the port."""
        assert offsets is not None
        member = offsets.member
        assert isinstance(member, Member)
        produced = super().produce(records, headers, offsets)
        if not member.valid:
            return ProduceFailed(Trouble(Kind.ABORTABLE, "FENCED_INSTANCE_ID"))
        self._letters = [self._letter(record, headers) for record in records]
        return produced

    def commit(self, timeout_s: float) -> CommitReturned | CommitSuspected | CommitTimedOut | CommitFailed:
        """See the port."""
        if self._failing.take("letters-timeout"):
            return CommitTimedOut()
        answer = super().commit(timeout_s)
        if isinstance(answer, CommitReturned | CommitSuspected):
            self._broker.dead_letters += self._letters
            if self._failing.take("letters-lost"):
                return CommitTimedOut()
        return answer

    def _letter(self, record: Outgoing, headers: Headers) -> DeadLetter:
        claim = claim_of(list(headers[record.key]), record.value, TOPIC_ID, record.partition)
        assert claim is not None, headers
        return DeadLetter(record.partition, *claim)


class Source:
    """KafkaSource: at most ``batch`` records a partition a fetch, commits answered by the next fetch.

    A partition that is to be another's is given up at the next fetch; a member that was expelled hears of it then.
    """

    def __init__(self, broker: Broker, faults: Faults, name: str, batch: int) -> None:
        self._broker, self._faults, self._name, self._batch = broker, faults, name, batch
        self._member = broker.group.join(name)
        self._owned: set[int] = set()
        self._at: dict[int, int] = {}
        self._answers: list[CommitOutcome] = []
        self._ownership: Ownership | None = None

    def subscribe(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def fetch(self) -> Fetch:
        self._rebalance()
        assert self._ownership is not None
        while self._answers:
            self._ownership.committed(self._answers.pop(0))
        batches, ends = [], {}
        for partition, at in self._at.items():
            waiting = [each for each in self._broker.records(partition) if each.offset >= at][: self._batch]
            if waiting:
                batches.append(fetched(waiting, partition))
                self._at[partition] = waiting[-1].offset + 1
            elif self._broker.stable_end(partition) >= at:
                self._at[partition] = ends[partition] = self._broker.stable_end(partition)
        return Fetch(tuple(batches), ends=ends)

    def _rebalance(self) -> None:
        group, own = self._broker.group, self._ownership
        assert own is not None
        if not self._member.valid:
            lost, self._owned = sorted(self._owned), set()
            self.stop(lost)
            self._answers = [OffsetsNotCommitted("UNKNOWN_MEMBER_ID") for _ in self._answers]
            own.released(lost, True)
            if not self._member.valid:  # the loop may have begun again as a new member by itself
                self._member = group.join(self._name)
        given = [p for p in sorted(self._owned) if group.target.get(p) != self._name]
        if given:
            own.released(given, False)
            self.stop(given)
            self._owned -= set(given)
        # also what a process before this one of the same name had
        for partition in [p for p, owner in group.owner.items() if owner == self._name != group.target.get(p)]:
            del group.owner[partition]
        free = [p for p, name in group.target.items() if name == self._name and group.owner.get(p, name) == name]
        taken = sorted(set(free) - self._owned)
        if taken:
            group.owner |= dict.fromkeys(taken, self._name)
            self._owned |= set(taken)
            own.assigned(taken)

    def reopen(self) -> None:
        self._at.clear()
        self._answers.clear()
        self._owned.clear()
        self._member = self._broker.group.join(self._name)

    def start(self, partition: int, next_offset: int) -> None:
        assert partition in self._owned, "only what is owned is read"
        self._at[partition] = next_offset

    def stop(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._at.pop(partition, None)

    def commit(self, offsets: NextOffsets) -> CommitSent:
        self._answers.append(self.commit_and_wait(offsets))
        return CommitSent()

    def commit_and_wait(self, offsets: NextOffsets, deadline: Deadline | None = None) -> CommitOutcome:
        if self._faults.take("commit-error"):
            return OffsetsNotCommitted("_TIMED_OUT")
        if self._faults.take("commit-held"):
            self._broker.group.late.append((self._member, dict(offsets)))
            return OffsetsNotCommitted("_TIMED_OUT")
        if not self._broker.group.commit(self._member, dict(offsets)):
            return OffsetsNotCommitted("UNKNOWN_MEMBER_ID")
        if self._faults.take("commit-lost"):
            return OffsetsNotCommitted("_TRANSPORT")
        return OffsetsCommitted({partition: next_offset for partition, (next_offset, _) in offsets.items()})

    def group_metadata(self) -> Member:
        return self._member

    def close(self, deadline: Deadline) -> None:
        """The model's processes are killed."""
