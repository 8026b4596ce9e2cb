"""A client span for each attempt, where the program that uses the library has configured OpenTelemetry.

Without a configured tracer the API's own does nothing: no span is made and no metadata is sent. The same where
OpenTelemetry is not installed, which the client does not ask for.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

import grpc

try:
    from opentelemetry import propagate, trace
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ModuleNotFoundError:
    _INSTALLED = False
else:
    _INSTALLED = True

SERVICE: Final = "tally.v1.TallyService"

Metadata = tuple[tuple[str, str], ...]


def attempt(method: str) -> AbstractContextManager[Metadata | None]:
    """Run a call in a span of its own; yield the metadata that carries the span to the service, None without one."""
    return _span(method) if _INSTALLED else nullcontext()


@contextmanager
def _span(method: str) -> Iterator[Metadata | None]:
    name = f"{SERVICE}/{method}"
    # Made here, not once: a tracer that was asked for before the program configured its own never learns of it.
    span = trace.get_tracer("tally.client").start_span(name, kind=SpanKind.CLIENT, attributes={"rpc.method": name})
    carrier: dict[str, str] = {}
    if span.get_span_context().is_valid:
        propagate.inject(carrier, trace.set_span_in_context(span))
    status, error = "OK", None
    try:
        yield tuple(carrier.items()) or None
    except grpc.aio.AioRpcError as failure:
        status = error = failure.code().name
        raise
    except BaseException as defect:
        status, error = "CANCELLED", type(defect).__name__
        raise
    finally:
        span.set_attribute("rpc.response.status_code", status)
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR, error))
        span.end()
