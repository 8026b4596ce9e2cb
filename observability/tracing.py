"""Creates spans by their keys in the catalogue, and decides which calls are traced.

Theory of operation. Whether a call is traced is decided before the SDK is involved, since even a span that is not
sampled costs ten microseconds. The caller's traceparent decides, if there is one; otherwise chance does. Only calls
that are traced have spans, and all of these are sampled. No context is attached anywhere: parents are passed as values.
"""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from observability import catalogue
from observability.instruments import Trace
from observability.outbox import SpanOutbox, shut_down

LINKS_MAX: Final = 1_024
HEADER: Final = "traceparent"

Attribute: TypeAlias = str | int

_BRACES: Final = re.compile(r"\{([^}]*)\}")
_SAMPLED: Final = 1
_FLAGS: Final = slice(53, 55)
"""Where the flags of a traceparent are, in hex; later versions have them there, too."""
_PROPAGATOR: Final = TraceContextTextMapPropagator()


def is_sampled(traceparent: str) -> bool:
    """Tell whether a header asks for the call to be traced; one that cannot be parsed does not."""
    try:
        return bool(int(traceparent[_FLAGS], 16) & _SAMPLED)
    except ValueError:
        return False


def parent_of(headers: Mapping[str, str]) -> Context | None:
    """Return the caller's span as a parent; None if the header is not valid."""
    context = _PROPAGATOR.extract(headers)
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def traceparent_of(span: Span) -> str:
    """Return the header that makes a span the parent of what the receiver does."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
    return carrier[HEADER]


def trace_of(span: Span) -> Trace:
    """Return the ids of a span, for exemplars and log lines."""
    context = span.get_span_context()
    return Trace(context.trace_id, context.span_id)


class Tracing:
    """The spans of a service. Any thread may call."""

    def __init__(self, service: str, resource: Resource, outbox: SpanOutbox, ratio: float) -> None:
        """``ratio`` is the share of calls without a traceparent that are traced."""
        self._service = service
        self._ratio = ratio
        self._catalogue = catalogue.load()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_links=LINKS_MAX),
        )
        self._provider.add_span_processor(outbox)
        self._tracer = self._provider.get_tracer("tally")

    def chosen(self, headers: Mapping[str, str]) -> Context | None:
        """Return the parent of a call that is traced: the caller's span, or an empty context. None: it is not traced.

        ``headers`` have names in lower case.
        """
        traceparent = headers.get(HEADER)
        if traceparent is not None:
            return parent_of(headers) if is_sampled(traceparent) else None
        return Context() if random.random() < self._ratio else None  # noqa: S311 - no secret

    def start(
        self,
        key: str,
        attributes: Mapping[str, Attribute],
        *,
        parent: Context | Span | None = None,
        links: Sequence[SpanContext] = (),
        start_ns: int | None = None,
    ) -> Span:
        """Start a span; without a parent it begins a new trace. Times are in ns since 1970. Raises CatalogueError."""
        found = self._catalogue.span(key, self._service)
        assert attributes.keys() <= set(found.attributes), f"span {key} has {sorted(attributes)}"
        context = trace.set_span_in_context(parent, Context()) if isinstance(parent, Span) else parent or Context()
        values: dict[str, Any] = dict(attributes)
        return self._tracer.start_span(
            _BRACES.sub(lambda match: str(values.get(match[1], "")), found.name).strip(),
            context=context,
            kind=SpanKind[found.kind.upper()],
            attributes=values,
            links=[Link(each) for each in links[:LINKS_MAX]],
            start_time=start_ns,
        )

    def close(self, timeout_s: float) -> None:
        """Send what is left, and end. Waits for at most ``timeout_s``."""
        shut_down(self._provider.shutdown, timeout_s)


def finish(span: Span, attributes: Mapping[str, Attribute | None], end_ns: int | None = None) -> None:
    """End a span with attributes that are known only now; None is left out, and an ``error.type`` makes it an ERROR."""
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})
    error = attributes.get("error.type")
    if error is not None:
        span.set_status(Status(StatusCode.ERROR, str(error)))
    span.end(end_ns)
