"""The client library and the command ``tally``."""

from client.blocking import BlockingTallyClient
from client.client import TallyClient
from client.outcomes import Addition, Committed, FieldViolation, Outcome, Position, Refused, Unknown
from client.retry import RetryPolicy

__all__ = [
    "Addition",
    "BlockingTallyClient",
    "Committed",
    "FieldViolation",
    "Outcome",
    "Position",
    "Refused",
    "RetryPolicy",
    "TallyClient",
    "Unknown",
]
