"""The ports: what carries calls to the methods, and what carries a lane's decisions to Kafka.

The methods are written once, whatever serves them, and stand in a table with a row for each RPC. A server (grpc.aio
now) turns a call into an `Incoming`, and an answer or a `Refusal` into its protocol; it cancels the awaiting task when
the caller is gone.

A lane's thread drives `LaneTransactions`, whose answers are events of the decision table. Tests have a fake of it; one
suite of scenarios runs on the fake and on the real client.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from producer.core.lane_events import WasReadBack
from producer.core.refusals import Refusal
from tally.kafka.transaction_port import Transactions

if TYPE_CHECKING:
    from google.protobuf.message import Message

Request = TypeVar("Request", bound="Message")
Response = TypeVar("Response", bound="Message")

DEADLINE_DEFAULT_S = 30.0
"""The deadline of a call that has none."""
DEADLINE_MAX_S = 60.0
"""The longest that is honoured: no call's memory is kept longer."""


@dataclass(frozen=True, slots=True)
class Incoming(Generic[Request]):
    """A call as a server hands it over: ``remaining_s`` is None when the caller set no deadline.

    ``metadata`` is a function, since most calls need none of it and making the mapping costs more than the addition.
    """

    request: Request
    remaining_s: float | None
    metadata: Callable[[], Mapping[str, str]]


Method: TypeAlias = Callable[[Incoming[Request]], Awaitable[Response | Refusal]]


def no_request_ids(_request: object) -> Iterable[str]:
    """Return no ids: what an RPC has whose requests carry no additions."""
    return ()


def no_objection(_request: bytes) -> Refusal | None:
    """Object to nothing: what an RPC has whose requests take little more memory than their bytes."""
    return None


def tell_nobody(_refusal: Refusal, _took_s: float) -> None:
    """Leave a call that was refused before its method unmeasured."""


@dataclass(frozen=True, slots=True)
class Rpc(Generic[Request, Response]):
    """One row of the table: ``service`` and ``name`` as the contract has them, the request's type and the method.

    ``objection`` refuses a request by its bytes, before it is parsed; ``refused`` is told of each call that never came
    to the method, with the seconds that it took.
    ``request_ids`` returns the ids of a request's additions as they were sent, by which they are traced.
    """

    service: str
    name: str
    request_type: type[Request]
    method: Method[Request, Response]
    request_ids: Callable[[Request], Iterable[str]] = no_request_ids
    objection: Callable[[bytes], Refusal | None] = no_objection
    refused: Callable[[Refusal, float], None] = tell_nobody

    @property
    def path(self) -> str:
        """The RPC's full name, such as tally.v1.TallyService/Add."""
        return f"{self.service}/{self.name}"


Methods: TypeAlias = Sequence[Rpc[Any, Any]]
"""What a server serves: a row for each RPC, and each row has message types of its own."""


def deadline_s(now_s: float, remaining_s: float | None) -> float:
    """Return the monotonic time by which a call is settled."""
    if remaining_s is None:
        return now_s + DEADLINE_DEFAULT_S
    return now_s + min(max(remaining_s, 0.0), DEADLINE_MAX_S)


class Place(NamedTuple):
    """Where a record was delivered, so that it can be looked for."""

    key: bytes
    partition: int
    offset: int


class LaneTransactions(Transactions, Protocol):
    """A lane's transactional client; only the lane's thread calls it."""

    def read_back(self, places: Sequence[Place]) -> WasReadBack:
        """Look for records at their places, read_committed."""
