"""What findings call things, and numbers that may be text."""

import uuid
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from oracle.facts import Row


def number(value: object) -> Decimal | None:
    """Return a value as a number; None if it is not one."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def unequal(pairs: Mapping[str, tuple[object, object]]) -> list[str]:
    """Return a phrase for each name whose pair, (found, expected), differs."""
    return [f"{name} {found} instead of {expected}" for name, (found, expected) in pairs.items() if found != expected]


def text(request_id: bytes) -> str:
    """Return a request id in the form that people write."""
    return str(uuid.UUID(bytes=request_id))


def row_text(row: Row) -> str:
    """Describe a row in a few words."""
    reason = "" if row.reason == "NONE" else f" for {row.reason}"
    numbers = f"{row.a:f} + {row.b:f} = {row.sum:f}"
    return f"{row.kind} {text(row.request_id)} {numbers}{reason} at offset {row.offset}, {row.timestamp_us} us"


def at_offset(row: Row) -> str:
    """Return the offset of a row, and its id if it has one."""
    return f"offset {row.offset} ({text(row.request_id)})" if any(row.request_id) else f"offset {row.offset}"
