"""The client library and the command ``tally``."""

from tally.client.blocking import BlockingTallyClient
from tally.client.client import TallyClient
from tally.client.outcomes import Addition, Committed, FieldViolation, Outcome, Position, Refused, Unknown
from tally.client.retry import RetryPolicy

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
