"""The trace that the running code works for, so that each log line can name it.

It is a plain pair of numbers in a context variable: log records must not carry a span or a context of the SDK.
"""

from contextvars import ContextVar
from typing import Final

from observability.instruments import Trace

CURRENT: Final[ContextVar[Trace | None]] = ContextVar("tally_trace", default=None)
