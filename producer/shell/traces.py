"""The producer's spans: calls that are traced, and the transactions that carry their additions.

Theory of operation. Few calls are traced, and what is not costs a look into an empty dictionary. A traced call leaves
its span under the ids of its additions; the lane that produces one of them finds it there, whatever path the addition
took in between, and puts the span of the record's creation into its header. The call takes its ids away at its end.
"""

import uuid
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from opentelemetry.trace import Span

from contracts.generated.tally.v1 import tally_pb2
from observability.current import CURRENT
from observability.instruments import Trace
from observability.telemetry import Telemetry
from observability.tracing import HEADER, LINKS_MAX, Tracing, finish, trace_of, traceparent_of
from producer.core.ports import Incoming, Outgoing

_ADDITIONS_MAX: Final = 100
"""Of one call: a trace with ten thousand spans helps nobody."""


class TracedCall:
    """A call that is traced."""

    def __init__(self, span: Span, ids: Sequence[bytes]) -> None:
        self.span = span
        self.ids = ids
        self.trace: Trace = trace_of(span)


class Traces:
    """The calls that are traced now. `begin` and `end` in the event loop, the rest in lanes' threads."""

    def __init__(self, telemetry: Telemetry, topic: str) -> None:
        self._telemetry = telemetry
        self._topic = topic
        self._calls: dict[bytes, TracedCall] = {}

    def begin(self, method: str, incoming: Incoming[Any]) -> TracedCall | None:
        """Begin a call's span, if it is to be traced."""
        tracing = self._telemetry.tracing
        if tracing is None:
            return None
        parent = tracing.chosen(incoming.metadata())
        if parent is None:
            return None
        call = TracedCall(tracing.start("call", {"rpc.method": method}, parent=parent), _ids_of(incoming.request))
        self._calls.update(dict.fromkeys(call.ids, call))
        # Never taken back: a call has a task of its own, and whatever it logs after its span is about it, too.
        CURRENT.set(call.trace)
        return call

    def end(self, call: TracedCall, status: str, error: str | None) -> None:
        """End a call's span."""
        for request_id in call.ids:
            if self._calls.get(request_id) is call:
                del self._calls[request_id]
        finish(call.span, {"rpc.response.status_code": status, "error.type": error})

    def transaction(self, lane: int, records: Sequence[Outgoing]) -> "TracedTransaction | None":
        """Begin the spans of a transaction, if it carries additions of traced calls."""
        calls, tracing = self._calls, self._telemetry.tracing
        if not calls or tracing is None:
            return None
        found = [(record.key, call) for record in records if (call := calls.get(record.key)) is not None]
        if not found:
            return None
        return TracedTransaction(tracing, self._topic, lane, len(records), found)


class TracedTransaction:
    """One transaction's spans: `send`, and a `create` for each addition of a traced call. A lane's thread uses it."""

    def __init__(
        self, tracing: Tracing, topic: str, lane: int, records: int, found: Sequence[tuple[bytes, TracedCall]]
    ) -> None:
        about = {"messaging.destination.name": topic}
        self._send = tracing.start("send", {**about, "lane": lane, "app.txn.records": records})
        link = [self._send.get_span_context()]
        self._creates = {
            key: tracing.start("create", about, parent=call.span, links=link)
            for key, call in islice(found, LINKS_MAX)  # the bound of links of `send`
        }
        for create in self._creates.values():
            self._send.add_link(create.get_span_context())
        self.headers: Mapping[bytes, Sequence[tuple[str, bytes]]] = {
            key: [(HEADER, traceparent_of(create).encode("ascii"))] for key, create in self._creates.items()
        }
        CURRENT.set(trace_of(self._send))

    def delivered(self, error: str | None) -> None:
        """End the spans of the records."""
        for create in self._creates.values():
            finish(create, {"error.type": error})

    def ended(self, error: str | None) -> None:
        """End the transaction's span. What the lane logs until its next transaction is about this one."""
        finish(self._send, {"error.type": error})


def _ids_of(request: object) -> list[bytes]:
    """Return the ids of a call's first additions, as records have them; what is no id is refused elsewhere."""
    additions = request.additions if isinstance(request, tally_pb2.AddBatchRequest) else [request]
    return [request_id for each in islice(additions, _ADDITIONS_MAX) if (request_id := _id_of(each))]


def _id_of(addition: Any) -> bytes:
    try:
        return uuid.UUID(addition.request_id).bytes
    except ValueError:
        return b""
