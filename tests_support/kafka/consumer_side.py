"""The Kafka in memory as a consumer's process sees it: questions about topic and group, and the group's source."""

import math
from collections.abc import Callable, Iterable

from consumer.core.recovery import Absent, Committed, Known, Unreadable
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
from tally.event.classify import Fetched
from tally.generated.topics import SUMS
from tally.kafka.facts import LogEnds
from tally.kafka.topic_identity import TopicIdentity
from tally.kafka.trouble import TOPIC_MISSING_CURE, ConsumerEndedError, KafkaTroubleError
from tally.ledger.format.witness import decode as decode_witness
from tests_support.kafka.broker import Broker
from tests_support.kafka.faults import Faults
from tests_support.ledger.records import PARTITIONS, fetched


class Facts:
    """`KafkaFacts` of a topic, and `GroupOffsets`.

    What may go wrong: ``down``: no answer. ``missing``: there is no such topic. ``unreadable``: the committed offsets.
    """

    def __init__(self, broker: Broker, faults: Faults | None = None, topic: str = SUMS.name) -> None:
        self.partitions = PARTITIONS
        self._broker, self._faults, self._topic = broker, faults or Faults(), topic

    def topic(self) -> TopicIdentity:
        """See the port."""
        self._answer()
        if said := self._faults.take("missing"):
            raise KafkaTroubleError(said, TOPIC_MISSING_CURE)
        return TopicIdentity(self._broker.topic_id, self.partitions)

    def cluster_id(self) -> str:
        """See the port."""
        self._answer()
        return "cluster"

    def log_ends(self, partitions: Iterable[int]) -> dict[int, LogEnds]:
        """See the port."""
        self._answer()
        return {number: LogEnds(0, self._broker.log(number, self._topic).last_stable) for number in partitions}

    def high_watermarks(self, partitions: Iterable[int]) -> dict[int, int]:
        """See the port."""
        self._answer()
        return {number: self._broker.log(number, self._topic).end for number in partitions}

    def committed(self, partitions: Iterable[int], limit_s: float = math.inf) -> dict[int, Committed]:
        """See the port."""
        self._answer()
        return {partition: self._committed(partition) for partition in partitions}

    def _committed(self, partition: int) -> Committed:
        if said := self._faults.take("unreadable"):
            return Unreadable(said)
        if self._broker.is_undecided(partition):
            raise KafkaTroubleError("timed out")
        found = self._broker.group.committed.get(partition)
        return Absent() if found is None else Known(found[0], decode_witness(found[1]))

    def _answer(self) -> None:
        if said := self._faults.take("down"):
            raise KafkaTroubleError(said)


class Source:
    """`KafkaSource`: at most ``batch`` records a partition a fetch, commits answered by the next fetch.

    A partition that is to be another's is given up at the next fetch; a member that was expelled hears of it then. What
    may go wrong: ``ended``: this member. ``stuck``: records do not come.
    ``commit-error``: refused. ``commit-held``: on its way for long. ``commit-lost``: done, without an answer.
    ``commit-kept``: kept by the client, which never answers.
    """

    def __init__(self, broker: Broker, faults: Faults, name: str, batch: int) -> None:
        self.batch = batch
        self.at: dict[int, int] = {}
        """What is read, and from which offset on."""
        self.answers: list[CommitOutcome] = []
        """Those that the next fetch brings."""
        self.commits: list[int] = []
        """The offsets that were committed."""
        self.starts = 0
        self.reopened = 0
        self.waited_s = 0.0
        """How long a fetch without records took."""
        self.unreadable: tuple[str, str] | None = None
        """Why no partition can be read, and the cure."""
        self.after_fetch: Callable[[], None] = lambda: None
        self._broker, self._faults, self._name = broker, faults, name
        self._member = broker.group.join(name)
        self._owned: set[int] = set()
        self._ownership: Ownership | None = None

    @property
    def ownership(self) -> Ownership:
        """What subscribed."""
        assert self._ownership is not None, "subscribe comes first"
        return self._ownership

    def subscribe(self, ownership: Ownership) -> None:
        """See the port."""
        self._ownership = ownership

    def fetch(self) -> Fetch:
        """See the port."""
        if said := self._faults.take("ended"):
            raise ConsumerEndedError(said)
        self._rebalance()
        while self.answers:
            self.ownership.committed(self.answers.pop(0))
        if self.unreadable is not None:
            return Fetch(unreadable=dict.fromkeys(self.at, self.unreadable))
        if self._faults.take("stuck"):
            return Fetch(waited_s=self.waited_s)
        fetch = self._read()
        self.after_fetch()
        return fetch

    def _read(self) -> Fetch:
        batches: list[Fetched] = []
        ends: dict[int, int] = {}
        too_large: set[int] = set()
        for partition, at in self.at.items():
            log = self._broker.log(partition)
            waiting = log.read_committed(at)[: self.batch]
            large = [n for n, entry in enumerate(waiting) if entry.offset in log.large]
            if large:
                waiting = waiting[: large[0]]
                too_large.add(partition)
            if waiting:
                batches.append(fetched(waiting, partition))
                self.at[partition] = waiting[-1].offset + 1
            elif not large and log.last_stable >= at:
                self.at[partition] = ends[partition] = log.last_stable
        return Fetch(tuple(batches), too_large=frozenset(too_large), ends=ends)

    def _rebalance(self) -> None:
        group, own = self._broker.group, self.ownership
        if not self._member.valid:
            lost, self._owned = sorted(self._owned), set()
            self.stop(lost)
            self.answers = [OffsetsNotCommitted("UNKNOWN_MEMBER_ID") for _ in self.answers]
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
        """See the port."""
        self.at.clear()
        self.answers.clear()
        self._owned.clear()
        self._member = self._broker.group.join(self._name)
        self.reopened += 1

    def start(self, partition: int, next_offset: int) -> None:
        """See the port."""
        assert partition in self._owned, "only what is owned is read"
        self.at[partition] = next_offset
        self.starts += 1

    def stop(self, partitions: Iterable[int]) -> None:
        """See the port."""
        for partition in partitions:
            self.at.pop(partition, None)

    def commit(self, offsets: NextOffsets) -> CommitSent:
        """See the port."""
        if not self._faults.take("commit-kept"):
            self.answers.append(self._committed(offsets))
        return CommitSent()

    def commit_and_wait(self, offsets: NextOffsets, deadline: Deadline) -> CommitOutcome:
        """See the port."""
        return self._committed(offsets)

    def _committed(self, offsets: NextOffsets) -> CommitOutcome:
        if said := self._faults.take("commit-error"):
            return OffsetsNotCommitted(said)
        if self._faults.take("commit-held"):
            self._broker.group.late.append((self._member, dict(offsets)))
            return OffsetsNotCommitted("_TIMED_OUT")
        if not self._broker.group.commit(self._member, offsets):
            return OffsetsNotCommitted("UNKNOWN_MEMBER_ID")
        if self._faults.take("commit-lost"):
            return OffsetsNotCommitted("_TRANSPORT")
        next_offsets = {partition: next_offset for partition, (next_offset, _) in offsets.items()}
        self.commits += next_offsets.values()
        return OffsetsCommitted(next_offsets)

    def group_metadata(self) -> object:
        """See the port."""
        return self._member

    def close(self, deadline: Deadline) -> None:
        """See the port. A static member does not leave the group."""
