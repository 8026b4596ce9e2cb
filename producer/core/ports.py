"""The ports: what carries calls to the methods, and what carries a lane's decisions to Kafka.

The methods are written once against the door's port. A door (grpc.aio now) turns its protocol into an `Incoming` and an
answer or a `Refusal` back; cancelling the awaiting task means that the caller is gone.

A lane's thread drives `LaneTransactions`, whose answers are the events of the decision table. A fake implements it for
tests; one suite of scenarios runs on the fake and on the real one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from producer.core.lane_terms import WasReadBack
from producer.core.refusals import Refusal
from tally.kafka.transaction_port import Transactions

if TYPE_CHECKING:
    from contracts.generated.tally.v1 import tally_pb2

Request = TypeVar("Request")
Response = TypeVar("Response")

DEADLINE_DEFAULT_S = 30.0
"""For a call without a deadline."""
DEADLINE_MAX_S = 60.0
"""More is not honoured: a call's memory is kept no longer than that."""


@dataclass(frozen=True, slots=True)
class Incoming(Generic[Request]):
    """A call as a door hands it over: ``remaining_s`` is None when the caller set no deadline.

    ``metadata`` is a function, since most calls need none of it and making the mapping costs more than the addition.
    """

    request: Request
    remaining_s: float | None
    metadata: Callable[[], Mapping[str, str]]


Method: TypeAlias = Callable[[Incoming[Request]], Awaitable[Response | Refusal]]


class Methods(Protocol):
    """The service, one method a call."""

    async def add(self, incoming: "Incoming[tally_pb2.AddRequest]") -> "tally_pb2.AddResponse | Refusal":
        """Add one pair of numbers."""

    async def add_batch(
        self, incoming: "Incoming[tally_pb2.AddBatchRequest]"
    ) -> "tally_pb2.AddBatchResponse | Refusal":
        """Add many pairs of numbers; each has a result of its own."""


def deadline_s(now_s: float, remaining_s: float | None) -> float:
    """Return the monotonic time by which a call is settled."""
    if remaining_s is None:
        return now_s + DEADLINE_DEFAULT_S
    return now_s + min(max(remaining_s, 0.0), DEADLINE_MAX_S)


class Place(NamedTuple):
    """Where a record was delivered to, to look for it again."""

    key: bytes
    partition: int
    offset: int


class LaneTransactions(Transactions, Protocol):
    """A lane's transactional client; only the lane's thread calls."""

    def read_back(self, places: Sequence[Place]) -> WasReadBack:
        """Look for records at their places, read_committed."""
