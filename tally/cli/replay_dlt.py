"""``tally replay-dlt``: dead letters that were repaired go back to be counted."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import click
from confluent_kafka import OFFSET_BEGINNING

from tally.cli.failures import CommandError, UnavailableError, WrongUsageError
from tally.cli.replaying.corrections import (
    Correction,
    CorrectionsError,
    read_corrections,
    repair_genuine,
    source_of,
    unused,
    without_repetitions,
)
from tally.cli.replaying.dead_letters import PublishedLetter, Selection, letter_of
from tally.cli.replaying.examining import examined
from tally.cli.replaying.journal import ReplayJournal
from tally.cli.replaying.replay import FAILED, Counted, LetterResult, Status, look_up, send
from tally.cli.services.cluster import Expected
from tally.cli.services.grpc import connected
from tally.cli.services.kafka import cluster_id, records, topic_id
from tally.cli.services.registry import opened_registry, schema_texts
from tally.cli.services.rest import RestService
from tally.cli.settings import ClientSettings
from tally.cli.shared import json_option, retry_option, settings
from tally.client.outcomes import Position
from tally.generated.avro.dead_letter import DeadLetterReason
from tally.generated.topics import SUMS, SUMS_DLT
from tally.registry.lookup import SchemaRegistry

LETTERS_MAX = 100_000
"""Letters of one run; they are held in memory, so that all of them are known before the first is sent."""


@click.command("replay-dlt")
@click.option("--reason", "reasons", multiple=True, type=click.Choice([each.value for each in DeadLetterReason]))
@click.option("--partition", type=click.IntRange(0, SUMS.partitions - 1), help="Only letters of this partition.")
@click.option("--at", "places", multiple=True, metavar="PARTITION:OFFSET", help="Only the letter of this record.")
@click.option(
    "--repair-with",
    "repairs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help='Corrected numbers, one letter a line: {"source": "3:1041", "a": "2", "b": "40.5"}.',
)
@click.option(
    "--as-schema",
    type=click.IntRange(0, 2**32 - 1),
    metavar="ID",
    help="Read the records by this schema of the registry, whatever their frames say.",
)
@click.option("--send", "really", is_flag=True, help="Send them; without it, nothing is changed.")
@retry_option
@json_option
def command(
    *,
    reasons: tuple[str, ...],
    partition: int | None,
    places: tuple[str, ...],
    repairs: Path | None,
    as_schema: int | None,
    really: bool,
    wait_s: float,
    as_json: bool,
) -> None:
    """Show dead letters as the additions they stand for; with --send, put these back to be counted.

    \b
    Examples:
      tally replay-dlt
      tally replay-dlt --reason WRONG_SUM --json > letters.jsonl     (then correct a and b there)
      tally replay-dlt --repair-with letters.jsonl
      tally replay-dlt --repair-with letters.jsonl --send

    A letter is sent through the gRPC service under the request id that its record had, so it is counted once, however
    often it is replayed and whoever repeats it. What is counted already, or was replayed before (it is noted in
    TALLY_DATA_DIR/client/replays.jsonl), is not sent. The dead-letter topic itself is only read.

    Numbers come from the record, if it holds them exactly, under the schema it was written with or the one of
    --as-schema; those of --repair-with win. Exit code 1 says that a letter was rejected; its line says why.

    Each letter is compared with the ledger's row and with the record that it is about. One that somebody else wrote is
    shown as forged and never sent.
    """
    environment = settings()
    selection = Selection(frozenset(reasons), partition, frozenset(places))
    corrections = _corrections(repairs)
    journal = ReplayJournal(environment.data_dir / "client" / "replays.jsonl")
    try:
        results = _look(environment, selection, corrections, as_schema, journal)
        if really:
            results = asyncio.run(_send(results, environment, wait_s, journal))
    except OSError as error:
        raise CommandError.of_file(error, journal.path) from None
    for one in results:
        click.echo(json.dumps(_document(one)) if as_json else _line(one).replace("\n", "\\n"))
    _end(results, really=really, as_json=as_json)


def _corrections(repairs: Path | None) -> dict[str, Correction]:
    if repairs is None:
        return {}
    try:
        with repairs.open("rb") as lines:
            return read_corrections(lines)
    except CorrectionsError as error:
        raise WrongUsageError(f"{repairs}: {error}") from None


def _look(
    environment: ClientSettings,
    selection: Selection,
    corrections: dict[str, Correction],
    as_schema: int | None,
    journal: ReplayJournal,
) -> list[LetterResult]:
    """Return all letters that are meant, with what is known of each."""
    before = journal.read()
    with opened_registry(environment) as schemas, RestService(environment.rest_address) as service:
        letters = _letters(environment, schemas, selection)
        found = examined(letters, environment, service, topic_id(environment, SUMS))
        texts = schema_texts(schemas)
        repaired = [
            repair_genuine(one, corrections.get(source_of(one)), as_schema, texts)
            for one in islice(found, LETTERS_MAX + 1)
        ]
        if len(repaired) > LETTERS_MAX:
            raise WrongUsageError(
                f"more than {LETTERS_MAX:,} letters are selected: narrow them down with --partition or --reason"
            )
        if strangers := unused(corrections, (one.letter for one in repaired)):
            raise WrongUsageError(
                f"none of the selected dead letters comes from {', '.join(strangers[:5])}: see --repair-with"
            )
        return [look_up(one, before, lambda own: _counted(service, own)) for one in without_repetitions(repaired)]


def _letters(environment: ClientSettings, schemas: SchemaRegistry, selection: Selection) -> Iterator[PublishedLetter]:
    our_schema_id, texts = schemas.lookup(SUMS_DLT.subject, SUMS_DLT.schema), schema_texts(schemas)
    # A dead letter keeps its source's partition.
    chosen = (
        range(SUMS_DLT.partitions)
        if selection.partition is None
        else range(selection.partition, selection.partition + 1)
    )
    tell = partial(click.echo, err=True)
    for record in records(environment, SUMS_DLT, chosen, OFFSET_BEGINNING, follow=False, tell=tell):
        try:
            letter = letter_of(record, our_schema_id, texts)
        except ValueError as error:
            place = f"{SUMS_DLT.name} {record.partition}:{record.offset}"
            click.echo(f"{place} is not a dead letter and was skipped: {ascii(str(error))[1:-1]}", err=True)
            continue
        if letter is not None and selection.has(letter):
            yield letter


def _counted(service: RestService, request_id: str) -> Counted | None:
    answer = service.find(f"/v1/requests/{request_id}")
    if answer is None:
        return None
    found = answer.json()
    return Counted(found["a"], found["b"], Position(found["topic"], found["partition"], found["offset"]))


async def _send(
    results: list[LetterResult], environment: ClientSettings, wait_s: float, journal: ReplayJournal
) -> list[LetterResult]:
    if not any(one.status is Status.READY for one in results):
        return results
    of_letters = Expected(cluster_id(environment, SUMS), "the dead letters come from", or_unknown=True)
    async with connected(environment.grpc_address, wait_s, expected=of_letters) as client:
        return [one async for one in send(results, client, journal)]


def _line(result: LetterResult) -> str:
    what = (
        "" if result.addition is None else f"  {result.addition.request_id}  {result.addition.a} + {result.addition.b}"
    )
    what += "" if result.sum is None else f" = {result.sum}"
    at = "" if result.position is None else f" at {result.position.partition}:{result.position.offset}"
    why = f": {result.why}" if result.why else ""
    return f"{result.letter.source!s:>12}  {result.letter.reason:<17}{what}  {result.status.value}{at}{why}"


def _document(result: LetterResult) -> dict[str, object]:
    addition, position = result.addition, result.position
    return {
        "source": str(result.letter.source),
        "reason": result.letter.reason,
        "detail": result.letter.detail,
        "request_id": addition and addition.request_id,
        "a": addition and addition.a,
        "b": addition and addition.b,
        "sum": result.sum,
        "status": result.status.value,
        "why": result.why,
        "position": position and f"{position.partition}:{position.offset}",
    }


def _end(results: list[LetterResult], *, really: bool, as_json: bool) -> None:
    counts = Counter(one.status for one in results)
    figures = ", ".join(f"{counts[status]:,} {status.value}" for status in Status if counts[status]) or "none"
    click.echo(f"{len(results):,} dead letters: {figures}", err=as_json)
    if counts[Status.READY] and not really:
        click.echo("Nothing was sent. The same command with --send puts the ready ones back.", err=as_json)
    if counts[Status.UNKNOWN]:
        raise UnavailableError(
            f"{counts[Status.UNKNOWN]:,} got no answer: run the same command again, nothing is counted twice"
        )
    failed = sum(counts[status] for status in FAILED)
    if failed:
        raise CommandError(f"{failed:,} of {len(results):,} letters cannot be counted as they are; each line says why")
