"""One connection of REST: uvicorn's HTTP/1.1 on h11. Every wait ends, and every refusal is a problem document.

Chosen over httptools: h11 refuses what is ambiguous, such as two different lengths or a header that is folded.
"""

import asyncio
import sys
from http import HTTPStatus
from typing import Final

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from consumer.rest.connections.limits import ConnectionLimits
from consumer.rest.connections.slots import Slots
from consumer.rest.guard.refusals import refusal_bytes
from consumer.rest.problems import ProblemError, unavailable

HEAD_BYTES_MAX: Final = 64 * 1024
BUSY: Final = refusal_bytes(
    unavailable("too-many-connections", "Too many connections", "every connection that is allowed is being answered")
)
_STOPPING: Final = refusal_bytes(
    unavailable("stopping", "The consumer stops", "the request was not complete when the consumer began to stop")
)


class BoundedHttp(H11Protocol):
    """See the module's text. It has a place in ``slots`` from before it is made until it is lost."""

    def __init__(
        self, config: Config, state: ServerState, limits: ConnectionLimits, slots: "Slots[BoundedHttp]"
    ) -> None:
        super().__init__(config, state, app_state={})
        self.timeout_keep_alive = limits.idle_timeout_s  # type: ignore[assignment] # the library hands it to call_later
        self._limits = limits
        self._slots = slots
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_begun = False
        self._gives_way = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the library
        """Begin to wait for a request."""
        super().connection_made(transport)
        if self._gives_way:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._end_head_timer()
        self._slots.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        super().data_received(data)
        if self._answering:
            self._begin_answering()
        elif not self.transport.is_closing():
            self._head_begun = True
            self._await_head()

    def on_response_complete(self) -> None:
        """Wait for the next request, or begin with one that is here already."""
        super().on_response_complete()
        if self._answering:
            self._begin_answering()
        else:
            self._slots.waiting(self)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP: a problem document, unless an answer is under way already."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self._leave_alone(b"")
        else:
            error = sys.exception()
            hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
            self._leave_alone(refusal_bytes(_malformed(hint)))

    def shutdown(self) -> None:
        """End at once what waits for its caller, and let an answer that is under way finish."""
        if self.transport.is_closing():
            return
        if self._answering and self.cycle.more_body:
            self._leave_alone(b"" if self.cycle.response_started else _STOPPING)
        else:
            super().shutdown()

    def give_way(self) -> None:
        """End at once, for another connection; if it is still being made, as soon as that is done."""
        self._slots.leave(self)
        self._gives_way = True
        if self.transport is not None:
            self.transport.abort()

    def abort(self) -> None:
        """End at once, whatever is under way."""
        self._forget_call()
        self.transport.abort()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _begin_answering(self) -> None:
        self._end_head_timer()
        self._head_begun = False
        self._slots.answering(self)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_timeout_s, self._head_is_late)

    def _end_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        """Close. A caller that has sent nothing waits for no answer: browsers open connections in advance."""
        self._leave_alone(refusal_bytes(_late(self._limits.head_timeout_s)) if self._head_begun else b"")

    def _leave_alone(self, last: bytes) -> None:
        """Send the last bytes and close, and let the call that is under way know that its caller is gone."""
        self._forget_call()
        if last:
            self.transport.write(last)
        self.transport.close()

    def _forget_call(self) -> None:
        self._end_head_timer()
        if self._answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


def _malformed(hint: int) -> ProblemError:
    match hint:
        case HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            detail = f"the request line and the headers are larger than {HEAD_BYTES_MAX:,} bytes together"
        case HTTPStatus.NOT_IMPLEMENTED:
            detail = "Transfer-Encoding is not chunked, the only one that is known here"
        case _:
            detail = "what arrived is not a request of HTTP/1.1, or its Host header is missing"
    return ProblemError(HTTPStatus(hint), "malformed-request", "The request is malformed", detail)


def _late(timeout_s: float) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_TIMEOUT,
        "head-late",
        "The request did not arrive in time",
        f"its headers were not complete after {timeout_s:g} s, the longest wait that TALLY_REST_HEAD_TIMEOUT_MS allows",
    )
