"""Root spans: a share of the iterations is sampled, so that a slow one leads to its trace.

Spans are sent by OTLP over HTTP to the engine of `just observe`, or where ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or its form
for traces) says. Without either they are only remembered; the services take up the trace ids all the same.
"""

import heapq
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from observability.otlp import endpoint_of, session_for

SLOWEST_KEPT: Final = 20

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, order=True)
class Slow:
    """A sampled iteration."""

    duration_ms: float
    name: str
    trace_id: str


class Spans:
    """Gives iterations their trace context and remembers the slowest sampled ones."""

    def __init__(self, share: float, rng: random.Random, endpoint: str | None = None) -> None:
        self._share = share
        self._rng = rng
        self._slowest: list[Slow] = []
        self._provider = TracerProvider(resource=Resource({"service.name": "tally-load"}))
        where = endpoint or endpoint_of("traces", os.environ)
        if where:
            # Imported here: without a backend it is not needed.
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

            exporter = OTLPSpanExporter(endpoint, session=session_for(where))
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("loadtests")

    @contextmanager
    def root(self, name: str) -> Iterator[Metadata]:
        """Yield the metadata that a call carries: a sampled root span, or one that says "do not sample"."""
        if self._rng.random() >= self._share:
            yield (("traceparent", f"00-{self._rng.getrandbits(128):032x}-{self._rng.getrandbits(64):016x}-00"),)
            return
        started_s = time.perf_counter()
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT)
        context = span.get_span_context()
        trace_id = f"{context.trace_id:032x}"
        try:
            yield (("traceparent", f"00-{trace_id}-{context.span_id:016x}-01"),)
        finally:
            span.end()
            slow = Slow(round(1000 * (time.perf_counter() - started_s), 2), name, trace_id)
            keep = heapq.heappush if len(self._slowest) < SLOWEST_KEPT else heapq.heappushpop
            keep(self._slowest, slow)

    def finish(self) -> list[Slow]:
        """Send what waits and return the slowest, the slowest first."""
        self._provider.shutdown()
        return sorted(self._slowest, reverse=True)
