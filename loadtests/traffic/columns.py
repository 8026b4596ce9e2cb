"""Additions as columns of 16-byte values, for generators that draw them one by one."""

import uuid
from collections.abc import Sequence

from tally.client.outcomes import Addition
from tally.event import decimals
from tally.generated.tally.v1 import tally_pb2


def columns_request_of(additions: Sequence[Addition]) -> tally_pb2.AddColumnsRequest:
    """Return the request of AddColumns. Raises ValueError for a text that is no id or number of the contract."""
    return tally_pb2.AddColumnsRequest(
        request_ids=b"".join(uuid.UUID(each.request_id).bytes for each in additions),
        a=b"".join(_value_of(each.a) for each in additions),
        b=b"".join(_value_of(each.b) for each in additions),
    )


def _value_of(number: str) -> bytes:
    return decimals.parse(number).to_bytes(16, "big", signed=True)
