"""``tally tail``: the topic's records as they are committed."""

import json
from datetime import UTC, datetime

import click
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from contracts.generated.topics import SUMS
from tally.base.settings import SettingsError
from tally.cli.failures import CommandError, UnavailableError, WrongUsageError
from tally.cli.shared import json_option, settings
from tally.cli.verdicts import Counts, Poisoned, Verdicts
from tally.event import decimals
from tally.event.records import Record, verdict_on
from tally.kafka.config import KafkaConfigError
from tally.kafka.read_topic import records
from tally.registry.configured import registry_of
from tally.registry.errors import RegistryError, SchemaMismatch, SchemaUnknown


@click.command("tail")
@click.option("--from-beginning", is_flag=True, help="Begin with the first record, not with the next one.")
@click.option("--partition", type=click.IntRange(0, SUMS.partitions - 1), help="Only this partition.")
@click.option("--limit", type=click.IntRange(min=1), help="End after this many records.")
@click.option("--no-follow", is_flag=True, help="End at the end of the topic instead of waiting for more.")
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
    try:
        schemas = registry_of(environment)
    except SettingsError as error:
        raise WrongUsageError(str(error)) from None
    try:
        verdicts = Verdicts(schemas.lookup(SUMS.subject, SUMS.schema), schemas.schema)
        partitions = range(SUMS.partitions) if partition is None else range(partition, partition + 1)
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        for count, record in enumerate(records(environment, SUMS, partitions, start, follow=not no_follow), start=1):
            said = verdict_on(record, verdicts)
            click.echo(json.dumps(_document(record, said)) if as_json else _line(record, said))
            if count == limit:
                break
    except (SchemaUnknown, SchemaMismatch) as error:
        raise CommandError(str(error)) from None
    except RegistryError as error:
        raise UnavailableError(f"{error}: start it with `just up`, or set TALLY_REGISTRY_URL to where it is") from None
    except KafkaConfigError as error:
        raise WrongUsageError(str(error)) from None
    except KeyboardInterrupt:
        return  # the way to end it
    finally:
        schemas.close()


def _line(record: Record, said: Counts | Poisoned) -> str:
    place = f"{record.partition}:{record.offset}"
    when = _time(record.timestamp_ms)
    if isinstance(said, Poisoned):
        return f"{place:>12}  {when}  POISON {said.reason}: {said.detail}"
    a, b, total = map(decimals.text_of, (said.a, said.b, said.sum))
    return f"{place:>12}  {when}  {said.request_id}  {a} + {b} = {total}"


def _document(record: Record, said: Counts | Poisoned) -> dict[str, object]:
    place = {"partition": record.partition, "offset": record.offset, "timestamp": _time(record.timestamp_ms)}
    if isinstance(said, Poisoned):
        raw = {"key": record.key.hex() if record.key else None, "value": record.value.hex() if record.value else None}
        return {**place, "poison": said.reason, "detail": said.detail, **raw}
    numbers = {name: decimals.text_of(getattr(said, name)) for name in ("a", "b", "sum")}
    schema = said.schema if isinstance(said.schema, int) else str(said.schema)
    added_at = said.added_at.isoformat()
    return {**place, "request_id": str(said.request_id), **numbers, "added_at": added_at, "schema_id": schema}


def _time(timestamp_ms: int) -> str:
    """Return a record's timestamp; one that a writer made up may be outside of what a calendar has."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{timestamp_ms} ms"
