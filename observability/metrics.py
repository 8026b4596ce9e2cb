"""The instruments of a service, created by their names in the catalogue.

Theory of operation. Counters and histograms add up by themselves; gauges are functions that are called whenever metrics
are read. Nothing here needs the SDK, since importing it takes longer than a consumer may take to resume after a crash.
A service records from the first moment on, and `sdk_metrics` reads the instruments once the SDK has been loaded.
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
"""A value, and the values of its attributes."""
Read: TypeAlias = Callable[[], Iterable[Reading]]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A counter or a gauge; ``read`` returns its series."""

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
    """See the theory of operation. CatalogueError is raised for a name that the catalogue does not give the service."""

    def __init__(self, service: str) -> None:
        """``service`` is the name of the service in the catalogue."""
        self._service = service
        self._catalogue = catalogue.load()
        self.numbers: dict[str, Numbers] = {}
        self.histograms: dict[str, Distributions] = {}
        self.dropped = self.counter("app.telemetry.dropped", product(get_args(Signal), ("failed", "queue_full")))

    def counter(self, name: str, known: Iterable[Values] = ()) -> Counter:
        """Create a counter; ``known`` series are zero from the start."""
        counter = Counter(known)
        self._add(name, "counter", counter.sums)
        return counter

    def histogram(self, name: str) -> Histogram:
        """Create a histogram."""
        metric = self._catalogue.metric(name, "histogram", self._service)
        histogram = Histogram(self._catalogue.bounds(metric))
        assert name not in self.histograms, f"{name} is made twice"
        self.histograms[name] = Distributions(name, metric, histogram)
        return histogram

    def gauge(self, name: str, read: Read) -> None:
        """Create a gauge whose value is read from a function."""
        self._add(name, "gauge", read)

    def total(self, name: str, read: Read) -> None:
        """Create a counter whose sum is kept elsewhere and read from a function."""
        self._add(name, "counter", read)

    def _add(self, name: str, kind: Kind, read: Read) -> None:
        metric = self._catalogue.metric(name, kind, self._service)
        assert name not in self.numbers, f"{name} is made twice"
        self.numbers[name] = Numbers(name, metric, read)
