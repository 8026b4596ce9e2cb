"""The client library: its public names are also those of ``tally``."""

from tally.client.blocking import BlockingClient
from tally.client.client import Client
from tally.client.columns import ColumnOutcomes
from tally.client.outcomes import Addition, Committed, FieldViolation, Outcome, Position, Refused, Unknown
from tally.client.retry import RetryPolicy
from tally.client.usage import ClientUseError

__all__ = [
    "Addition",
    "BlockingClient",
    "Client",
    "ClientUseError",
    "ColumnOutcomes",
    "Committed",
    "FieldViolation",
    "Outcome",
    "Position",
    "Refused",
    "RetryPolicy",
    "Unknown",
]
