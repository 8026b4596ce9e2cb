"""Which trace the running code works for, so that each log line can name it.

A plain pair of numbers in a context variable: a span or a context of the SDK must not travel in log records.
"""

from contextvars import ContextVar
from typing import Final

from observability.instruments import Trace

CURRENT: Final[ContextVar[Trace | None]] = ContextVar("tally_trace", default=None)
