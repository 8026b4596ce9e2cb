"""``tally tail``: the topic's records as they are committed."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from uuid import UUID

import click
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from tally.base.shown.values import printable
from tally.cli.services.kafka import records
from tally.cli.services.registry import opened_registry, schema_texts
from tally.cli.shared import json_option, settings
from tally.event import decimals
from tally.event.reader import Reader
from tally.event.record import Record
from tally.event.verdict import Poison, Sum
from tally.generated.topics import SUMS


@click.command("tail")
@click.option("--from-beginning", is_flag=True, help="Start with the first record instead of the next one.")
@click.option("--partition", type=click.IntRange(0, SUMS.partitions - 1), help="Only this partition.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many records.")
@click.option("--no-follow", is_flag=True, help="Stop at the end of the topic instead of waiting for more.")
@json_option
def command(*, from_beginning: bool, partition: int | None, limit: int | None, no_follow: bool, as_json: bool) -> None:
    """Print the topic's committed records, decoded, one a line. Ctrl-C ends it.

    \b
    Examples:
      tally tail
      tally tail --from-beginning --limit 10
      tally tail --partition 3 --from-beginning --no-follow --json

    Only committed records are shown. One that cannot be counted is shown as POISON with its reason. Kafka is found by
    TALLY_KAFKA_BOOTSTRAP_SERVERS and TALLY_KAFKA_CONFIG, the schema registry by TALLY_REGISTRY_URL.
    """
    environment = settings()
    partitions = range(SUMS.partitions) if partition is None else range(partition, partition + 1)
    start = OFFSET_BEGINNING if from_beginning else OFFSET_END
    # Ctrl-C is the way to end it.
    with suppress(KeyboardInterrupt), opened_registry(environment) as schemas:
        reader = Reader(schemas.lookup(SUMS.subject, SUMS.schema), schema_texts(schemas))
        shown = 0
        found = records(environment, SUMS, partitions, start, follow=not no_follow, tell=partial(click.echo, err=True))
        for record in islice(found, limit):
            read = reader.read(record)
            click.echo(json.dumps(_document(record, read)) if as_json else printable(_line(record, read)))
            shown += 1
        if not shown:
            click.echo(_nothing(partition, from_beginning=from_beginning), err=True)


def _nothing(partition: int | None, *, from_beginning: bool) -> str:
    where = SUMS.name if partition is None else f"partition {partition} of {SUMS.name}"
    return f"no committed record in {where}" + ("" if from_beginning else " after the start; see --from-beginning")


def _line(record: Record, read: Sum | Poison) -> str:
    place = f"{record.partition}:{record.offset}"
    when = _time(record.timestamp_ms)
    match read:
        case Poison():
            return f"{place:>12}  {when}  POISON {read.word}: {read.detail}"
        case Sum():
            a, b, total = map(decimals.text_of, (read.a, read.b, read.sum))
            return f"{place:>12}  {when}  {UUID(bytes=read.request_id)}  {a} + {b} = {total}"


def _document(record: Record, read: Sum | Poison) -> dict[str, object]:
    place = {"partition": record.partition, "offset": record.offset, "timestamp": _time(record.timestamp_ms)}
    match read:
        case Poison():
            key, value = (data.hex() if data else None for data in (record.key, record.value))
            return {**place, "poison": read.word, "detail": read.detail, "key": key, "value": value}
        case Sum():
            numbers = {name: decimals.text_of(getattr(read, name)) for name in ("a", "b", "sum")}
            schema = read.schema if isinstance(read.schema, int) else str(read.schema)
            own_id, added_at = str(UUID(bytes=read.request_id)), read.added_at.isoformat()
            return {**place, "request_id": own_id, **numbers, "added_at": added_at, "schema_id": schema}


def _time(timestamp_ms: int) -> str:
    """Return a record's timestamp; one that a writer made up may be outside of what a calendar has."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{timestamp_ms} ms"
