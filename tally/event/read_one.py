"""What a record means, decided here and nowhere else: framing, schema, range, sum, key and partition, in this order.

Everything that reads the topic has this verdict: the ledger, `tally tail`, the producer's cache. ``classify`` is the
same over a batch, as columns, and asks here whenever a column does not plainly count.
"""

from tally.base.framing import FramingError, SchemaName, unframe_any
from tally.event import decimals
from tally.event.codes import FRAMING, OUT_OF_RANGE, WRONG_KEY, WRONG_PARTITION, WRONG_SUM
from tally.event.partitions import partition_of
from tally.event.values import is_common, read_own
from tally.event.verdict import Event, General, Poison, Sum


def read_one(
    partition: int,
    key: bytes | None,
    value: bytes | None,
    header: bytes | None,
    *,
    partitions: int,
    own_schema_ids: frozenset[int],
    general: General,
) -> Sum | Poison:
    """Return a record's sum, or the first reason why it has none, in the order of the contract's reasons.

    ``header``: its SCHEMA_HEADER, when it has one. ``own_schema_ids``: ids whose schema is exactly ours; bodies of any
    other go through ``general``. Raises SchemaUnavailable: trouble that may pass is no verdict.
    """
    # 1. framing
    if value is None:
        return Poison(FRAMING, "the record has no value")
    try:
        name, body = _named(value, header, own_schema_ids)
    except FramingError as error:
        return Poison(FRAMING, str(error))
    # 2. schema
    event = read_own(body) if name in own_schema_ids else general(name, body)
    if isinstance(event, Poison):
        return event.of(name)
    # 3. what it must hold
    poison = _judge(event, key, partition, partitions)
    return Sum(name, *event) if poison is None else poison.of(name)


def schema_name(value: bytes | None, header: bytes | None, own_schema_ids: frozenset[int]) -> SchemaName | None:
    """Return what names the schema that a value is read by, or None when nothing does."""
    try:
        return None if value is None else _named(value, header, own_schema_ids)[0]
    except FramingError:
        return None


def _named(value: bytes, header: bytes | None, own_schema_ids: frozenset[int]) -> tuple[SchemaName, bytes]:
    """Return (the writer's schema, body). Raises FramingError."""
    return unframe_any(value, None if header is None or is_common(value, own_schema_ids) else header)


def _judge(event: Event, key: bytes | None, partition: int, partitions: int) -> Poison | None:
    """Return the first reason why an event does not count; None when it does."""
    for name, number in (("a", event.a), ("b", event.b), ("sum", event.sum)):
        if not decimals.in_range(number):
            return Poison(OUT_OF_RANGE, f"{name} has more than {decimals.DIGITS_MAX} digits")
    if event.a + event.b != event.sum:
        return Poison(WRONG_SUM, "sum is not a + b")
    if key != event.request_id:
        return Poison(WRONG_KEY, "the key is not the request id's 16 bytes")
    if partition_of(event.request_id, partitions) != partition:
        return Poison(WRONG_PARTITION, f"partition {partition} is not the request id's, of {partitions}")
    return None
