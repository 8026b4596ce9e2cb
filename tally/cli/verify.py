"""``tally verify``: ledgers on disk, without any service; or with ``--topic`` a whole system against its topic."""

import json
from pathlib import Path

import click

from tally.base.hints import hint
from tally.cli.failures import CommandError, UnavailableError, WrongUsageError
from tally.cli.shared import json_option, settings, wait_option
from tally.event import decimals
from tally.ledger.verify import LedgerReport, NoLedger, Report, verify_directory

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("verify")
@click.argument("directory", type=_DIRECTORY, required=False)
@click.option("--topic", metavar="BOOTSTRAP/TOPIC", help="Check a whole system against this topic.")
@click.option("--ledger", "ledgers", multiple=True, type=_DIRECTORY, help="A replica's ledgers, or above. Repeatable.")
@click.option("--rest", "rest_urls", multiple=True, metavar="URL", help="A replica's REST address. Repeatable.")
@click.option(
    "--history",
    "histories",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What callers were told, as `tally load --history` writes it. Repeatable.",
)
@click.option("--group", default="tally-ledger", show_default=True, help="The consumers' group.")
@wait_option("Seconds to wait until everything committed is counted.", max_s=3600)
@json_option
def command(
    *,
    directory: Path | None,
    topic: str | None,
    ledgers: tuple[Path, ...],
    rest_urls: tuple[str, ...],
    histories: tuple[Path, ...],
    group: str,
    wait_s: float,
    as_json: bool,
) -> None:
    """Check ledgers: by themselves, or with --topic a whole system.

    \b
    Examples:
      tally verify
      tally verify /backup/data
      tally verify data/consumer/0/ledger/tally.sums.v1-3
      tally verify --topic 127.0.0.1:9092/tally.sums.v1 --ledger data --rest http://127.0.0.1:8000
      tally verify --topic kafka:9092/tally.sums.v1 --ledger replica0 --ledger replica1 --history calls.jsonl

    DIRECTORY is one partition's ledger or anything above it; left out, it is TALLY_DATA_DIR. CRCs, chains, sums, counts
    and the order of segments are checked, offline. Every damage is printed with its file, position and meaning, and the
    exit code is 1.

    With --topic the truth is computed again from the topic, by other code than the services', and compared with every
    ledger, the committed offsets and their metadata, the dead letters, REST, and what callers were told. Send
    nothing meanwhile: additions that arrive while it reads look like differences. Kafka's security is taken from
    TALLY_KAFKA_CONFIG, the schema registry from TALLY_REGISTRY_URL. Either way, nothing is changed. --topic needs a
    checkout of Tally: the code that judges is not part of the installed package.
    """
    if topic is not None:
        if directory is not None:
            raise WrongUsageError(f"with --topic, ledgers are given by --ledger: --ledger {directory}")
        try:
            from tally.cli.verify_system import SystemOptions, verify_system  # noqa: PLC0415 - needs the oracle
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("oracle"):
                raise
            raise UnavailableError(
                "tally verify --topic runs from a checkout of Tally only, because the oracle is not part of the "
                "installed package: " + hint("run tally verify --topic ...")
            ) from None
        verify_system(SystemOptions(topic, ledgers, rest_urls, histories, group, wait_s), as_json=as_json)
        return
    if ledgers or rest_urls or histories:
        raise WrongUsageError("--ledger, --rest and --history go with --topic BOOTSTRAP/TOPIC")
    _verify_offline(_own_data() if directory is None else directory, as_json=as_json)


def _own_data() -> Path:
    """Return the data directory of the settings. Raises WrongUsageError when it is not there."""
    own = settings().data_dir
    if not own.is_dir():
        raise WrongUsageError(
            f"{own} is not a directory: name one that holds ledgers, or set TALLY_DATA_DIR (default: data)"
        )
    return own


def _verify_offline(directory: Path, *, as_json: bool) -> None:
    try:
        report = verify_directory(directory)
    except NoLedger as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError.of_file(error, directory) from None
    click.echo(json.dumps(_document(report), indent=1) if as_json else _table(report))
    if not report.ok:
        raise CommandError(
            f"{len(report.problems)} problems in {sum(bool(ledger.problems) for ledger in report.ledgers)} of "
            f"{len(report.ledgers)} ledgers; the consumer refuses a damaged ledger and says how to rebuild it"
        )


def _table(report: Report) -> str:
    lines: list[str] = []
    for ledger in report.ledgers:
        verdict = "ok     " if not ledger.problems else "DAMAGED"
        counts = ledger.counts
        lines.append(
            f"{verdict} {ledger.directory}: {counts.counted:,} counted, {counts.duplicates:,} duplicates, "
            f"{counts.conflicts:,} conflicts, {counts.poison:,} poison, total {decimals.text_of(counts.total)}, "
            f"next offset {ledger.next_offset:,}, {ledger.segments} segments"
        )
        lines += [f"        {each.file} at byte {each.position_bytes:,}: {each.what}" for each in ledger.problems]
        lines += [f"        note: {note}" for note in ledger.notes]
    counted = sum(ledger.counts.counted for ledger in report.ledgers)
    total = decimals.text_of(sum(ledger.counts.total for ledger in report.ledgers))
    lines.append(f"{len(report.ledgers)} ledgers, {counted:,} counted, total {total}")
    return "\n".join(lines)


def _document(report: Report) -> dict[str, object]:
    return {
        "ok": report.ok,
        "total": decimals.text_of(sum(ledger.counts.total for ledger in report.ledgers)),
        "count": sum(ledger.counts.counted for ledger in report.ledgers),
        "ledgers": [_ledger(ledger) for ledger in report.ledgers],
    }


def _ledger(ledger: LedgerReport) -> dict[str, object]:
    return {
        "directory": str(ledger.directory),
        **ledger.counts.document(),
        "next_offset": ledger.next_offset,
        "chain": ledger.chain.hex(),
        "segments": ledger.segments,
        "problems": [
            {"file": str(each.file), "position_bytes": each.position_bytes, "what": each.what}
            for each in ledger.problems
        ],
        "notes": list(ledger.notes),
    }
