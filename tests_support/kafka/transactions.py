"""A transactional client of the Kafka in memory."""

from collections.abc import Sequence
from typing import Final

from producer.core.lane_events import Found, WasReadBack
from producer.core.ports import Place
from tally.generated.topics import SUMS
from tally.kafka.transaction_port import (
    NO_HEADERS,
    Aborted,
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    Delivered,
    Headers,
    Kind,
    NoSigns,
    OffsetsToCommit,
    Outgoing,
    ProduceFailed,
    Renewed,
    RenewFailed,
    Suspected,
    Trouble,
)
from tests_support.kafka.broker import Broker, Transaction
from tests_support.kafka.faults import Faults
from tests_support.kafka.group import Member

FENCED: Final = Trouble(Kind.FENCED, "fenced by a newer instance")


class FakeTransactions:
    """`producer.core.ports.LaneTransactions` on a Broker, writing to one topic. What may go wrong:

    ``renew``: refused. ``produce``: refused, after the records are in the log. ``commit``: times out before it is
    sent. ``commit-held``: times out, and the EndTxn is kept in the broker's ``held``. ``commit-lost``: done, but the
    answer is lost for good. ``commit-signs``: done, with signs. ``abort``: refused. ``abort-held``: a second EndTxn is
    on its way. ``read-back``: undecided. ``idle``: signs while nothing is open. ``prefix`` stands before each name.

    An EndTxn that was sent twice shows as a sign, as the real client's statistics do.
    """

    def __init__(
        self,
        broker: Broker,
        transactional_id: str,
        topic: str = SUMS.name,
        faults: Faults | None = None,
        prefix: str = "",
    ) -> None:
        self.faults = faults or Faults()
        self.renewals = 0
        self.closed = False
        self._broker = broker
        self.transactional_id = transactional_id
        self._topic = topic
        self._prefix = prefix
        self._epoch = -1
        self._sent_twice = False

    @property
    def is_current(self) -> bool:
        """Whether no newer instance has the transactional id."""
        return self._broker.epochs.get(self.transactional_id) == self._epoch

    def renew(self) -> Renewed | RenewFailed:
        """See the port."""
        if said := self._fault("renew"):
            return RenewFailed(Trouble(Kind.ABORTABLE, said))
        self._epoch = self._broker.raise_epoch(self.transactional_id)
        self._sent_twice = False
        self.renewals += 1
        return Renewed()

    def produce(
        self, records: Sequence[Outgoing], headers: Headers = NO_HEADERS, offsets: OffsetsToCommit | None = None
    ) -> Delivered | ProduceFailed:
        """See the port."""
        if not self.is_current:
            return ProduceFailed(FENCED)
        assert self.transactional_id not in self._broker.open
        transaction = self._broker.open[self.transactional_id] = Transaction()
        places = []
        for record in records:
            log = self._broker.log(record.partition, self._topic)
            places.append(log.append(record.key, record.value, transaction, headers.get(record.key, ())))
        if said := self._fault("produce"):
            return ProduceFailed(Trouble(Kind.ABORTABLE, said))
        if offsets is not None:
            assert isinstance(offsets.member, Member)
            if not offsets.member.valid:
                return ProduceFailed(Trouble(Kind.ABORTABLE, "FENCED_INSTANCE_ID"))
            transaction.offsets = offsets
        return Delivered(places)

    def commit(self, timeout_s: float) -> CommitReturned | CommitSuspected | CommitTimedOut | CommitFailed:
        """See the port."""
        assert timeout_s > 0
        if self._fault("commit"):
            return CommitTimedOut()
        if self._fault("commit-held"):
            self._hold(committed=True)
            self._sent_twice = True
            return CommitTimedOut()
        if not self._end(committed=True):
            return CommitFailed(FENCED)
        if said := self._fault("commit-lost"):
            return CommitFailed(Trouble(Kind.FATAL, said))
        return CommitSuspected("sent twice") if self._fault("commit-signs") or self._sent_twice else CommitReturned()

    def abort(self) -> Aborted | AbortFailed:
        """See the port."""
        if self._fault("abort-held"):
            self._hold(committed=False)
        if said := self._fault("abort"):
            return AbortFailed(Trouble(Kind.ABORTABLE, said))
        return Aborted() if self._end(committed=False) else AbortFailed(FENCED)

    def read_back(self, places: Sequence[Place]) -> WasReadBack:
        """See the port."""
        if said := self._fault("read-back"):
            return WasReadBack(Found.UNDECIDED, said)
        if any(self._broker.log(place.partition).last_stable <= place.offset for place in places):
            return WasReadBack(Found.UNDECIDED, "not stable yet")
        found = sum(
            any((entry.offset, entry.key) == (place.offset, place.key) for entry in seen)
            for place in places
            for seen in (self._broker.read_committed(place.partition),)
        )
        return WasReadBack(Found.ALL if found == len(places) else Found.SOME if found else Found.NONE)

    def idle_signs(self) -> NoSigns | Suspected:
        """See the port."""
        said = self._fault("idle")
        return Suspected(said) if said else NoSigns()

    def close(self) -> None:
        """See the port."""
        self.closed = True

    def _end(self, *, committed: bool) -> bool:
        return self._broker.end(self.transactional_id, self._epoch, committed=committed)

    def _hold(self, *, committed: bool) -> None:
        epoch = self._epoch
        self._broker.held.append(lambda: self._broker.end(self.transactional_id, epoch, committed=committed))

    def _fault(self, name: str) -> str:
        return self.faults.take(self._prefix + name)
