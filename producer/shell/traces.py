"""The producer's spans: calls that are traced, and the transactions that carry their additions.

Theory of operation. Few calls are traced, and one that is not costs a look into an empty dictionary. A traced call
leaves its span under the ids of its additions; the lane that produces one of them finds it there, whatever path the
addition took in between, and puts the span of the record's creation into its header. At its end the call removes its
ids.
"""

import uuid
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from observability.current import CURRENT
from observability.telemetry import Telemetry
from producer.core.ports import Incoming, Request, Rpc
from tally.kafka.transaction_port import Outgoing

if TYPE_CHECKING:
    from producer.shell.traced import TracedCall, TracedTransaction

_ADDITIONS_MAX: Final = 100
"""Of one call: a trace of ten thousand spans helps nobody."""


class Traces:
    """The calls that are traced now. `begin` and `end` run in the event loop, the rest in the threads of lanes."""

    def __init__(self, telemetry: Telemetry, topic: str) -> None:
        self._telemetry = telemetry
        self._topic = topic
        self._calls: dict[bytes, TracedCall] = {}

    def begin(self, rpc: Rpc[Request, Any], incoming: Incoming[Request]) -> "TracedCall | None":
        """Begin the span of a call, if it is to be traced."""
        tracing = self._telemetry.tracing
        if tracing is None:
            return None
        parent = tracing.chosen(incoming.metadata())
        if parent is None:
            return None
        from producer.shell.traced import TracedCall  # noqa: PLC0415 - see there

        call = TracedCall(
            tracing.start("call", {"rpc.method": rpc.path}, parent=parent), _ids_of(rpc, incoming.request)
        )
        self._calls.update(dict.fromkeys(call.ids, call))
        # Never reset: a call has a task of its own, and whatever that logs after the span is about the call, too.
        CURRENT.set(call.trace)
        return call

    def end(self, call: "TracedCall", status: str, error: str | None) -> None:
        """End the span of a call."""
        for request_id in call.ids:
            if self._calls.get(request_id) is call:
                del self._calls[request_id]
        call.end(status, error)

    def transaction(self, lane: int, records: Sequence[Outgoing]) -> "TracedTransaction | None":
        """Begin the spans of a transaction, if it carries additions of traced calls."""
        calls, tracing = self._calls, self._telemetry.tracing
        if not calls or tracing is None:
            return None
        found = [(record.key, call) for record in records if (call := calls.get(record.key)) is not None]
        if not found:
            return None
        from producer.shell.traced import TracedTransaction  # noqa: PLC0415 - see there

        return TracedTransaction(tracing, self._topic, lane, len(records), found)


def _ids_of(rpc: Rpc[Request, Any], request: Request) -> list[bytes]:
    """Return the ids of a call's first additions, as records have them; what is no id is refused elsewhere."""
    texts = islice(rpc.request_ids(request), _ADDITIONS_MAX)
    return [request_id for text in texts if (request_id := _id_of(text)) is not None]


def _id_of(text: str) -> bytes | None:
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return None
