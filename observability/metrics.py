"""The instruments of a service, made by their names in the catalogue.

Theory of operation. Counters and histograms add up by themselves; gauges are functions that are called when somebody
reads. Nothing here needs the SDK, whose import takes longer than a consumer may need to go on after a crash: the
service records from its first moment on, and `sdk_metrics` reads what is here once it is there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias, get_args

from observability import catalogue
from observability.catalogue import Kind, Metric
from observability.instruments import Counter, Histogram, Values
from observability.otlp import Signal

Reading: TypeAlias = tuple[float, Values]
"""A value and its attribute values."""
Read: TypeAlias = Callable[[], Iterable[Reading]]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A counter or a gauge: ``read`` returns its series."""

    name: str
    metric: Metric
    read: Read


@dataclass(frozen=True, slots=True)
class Distributions:
    """A histogram."""

    name: str
    metric: Metric
    histogram: Histogram


class Metrics:
    """See the module's theory of operation. A name that is not the service's in the catalogue is a CatalogueError."""

    def __init__(self, service: str) -> None:
        """``service`` is its name in the catalogue."""
        self._service = service
        self._catalogue = catalogue.load()
        self.numbers: dict[str, Numbers] = {}
        self.histograms: dict[str, Distributions] = {}
        self.dropped = self.counter("app.telemetry.dropped", product(get_args(Signal), ("failed", "queue_full")))

    def counter(self, name: str, known: Iterable[Values] = ()) -> Counter:
        """Return a new counter; ``known`` series are zero from the start."""
        counter = Counter(known)
        self._add(name, "counter", counter.sums)
        return counter

    def histogram(self, name: str) -> Histogram:
        """Return a new histogram."""
        metric = self._catalogue.metric(name, "histogram", self._service)
        histogram = Histogram(self._catalogue.bounds(metric))
        assert name not in self.histograms, f"{name} is made twice"
        self.histograms[name] = Distributions(name, metric, histogram)
        return histogram

    def gauge(self, name: str, read: Read) -> None:
        """Let a function be asked for a gauge."""
        self._add(name, "gauge", read)

    def total(self, name: str, read: Read) -> None:
        """Let a function be asked for a counter, whose sum somebody else keeps."""
        self._add(name, "counter", read)

    def _add(self, name: str, kind: Kind, read: Read) -> None:
        metric = self._catalogue.metric(name, kind, self._service)
        assert name not in self.numbers, f"{name} is made twice"
        self.numbers[name] = Numbers(name, metric, read)
