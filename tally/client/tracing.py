"""A client span for each attempt, where the program that uses the library has configured OpenTelemetry.

Without a configured tracer the API's own does nothing: no span is made and no metadata is sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

SERVICE: Final = "tally.v1.TallyService"

Metadata = tuple[tuple[str, str], ...]


@contextmanager
def attempt(method: str) -> Iterator[Metadata | None]:
    """Run a call in a span of its own; yield the metadata that carries the span to the service, None without one."""
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
