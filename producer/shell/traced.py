"""The spans of one call and of one transaction. Imported when the first is traced: importing the SDK takes long."""

from collections.abc import Mapping, Sequence
from itertools import islice

from opentelemetry.trace import Span

from observability.current import CURRENT
from observability.instruments import Trace
from observability.tracing import HEADER, LINKS_MAX, Tracing, finish, trace_of, traceparent_of


class TracedCall:
    """A call that is traced."""

    def __init__(self, span: Span, ids: Sequence[bytes]) -> None:
        self.span = span
        self.ids = ids
        self.trace: Trace = trace_of(span)

    def end(self, status: str, error: str | None) -> None:
        """End the span."""
        finish(self.span, {"rpc.response.status_code": status, "error.type": error})


class TracedTransaction:
    """The spans of a transaction: `send`, and a `create` for each addition of a traced call. For a lane's thread."""

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
        """End the span of the transaction. What the lane logs until its next transaction is about this one."""
        finish(self._send, {"error.type": error})
