"""``tally verify``: ledgers on disk, without any service."""

import json
from pathlib import Path

import click

from client.commands.shared import json_option
from client.failures import CommandError
from common import decimals
from consumer.verify import LedgerReport, NoLedger, Report, verify_directory


@click.command("verify")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def command(directory: Path, as_json: bool) -> None:
    """Read ledgers from disk again and check everything: CRCs, chains, sums, counts, the order of segments.

    \b
    Examples:
      tally verify data
      tally verify data/consumer/0/ledger/tally.sums.v1-3

    DIRECTORY is one partition's ledger or anything above it. It works offline and changes nothing. Every damage is
    printed with file, position and meaning; then the exit code is 1.
    """
    try:
        report = verify_directory(directory)
    except NoLedger as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{error.filename or directory}: {error.strerror or error}") from None
    click.echo(json.dumps(_document(report), indent=1) if as_json else _table(report))
    if not report.ok:
        raise CommandError(
            f"{len(report.problems)} problems in {sum(bool(ledger.problems) for ledger in report.ledgers)} of "
            f"{len(report.ledgers)} ledgers; the consumer refuses a damaged ledger and tells how it is rebuilt"
        )


def _table(report: Report) -> str:
    lines: list[str] = []
    for ledger in report.ledgers:
        verdict = "ok     " if not ledger.problems else "DAMAGED"
        lines.append(
            f"{verdict} {ledger.directory}: {ledger.counted:,} counted, {ledger.duplicates:,} duplicates, "
            f"{ledger.conflicts:,} conflicts, {ledger.poison:,} poison, total {decimals.text_of(ledger.total)}, "
            f"next offset {ledger.next_offset:,}, {ledger.segments} segments"
        )
        lines += [f"        {each.file} at byte {each.position_bytes:,}: {each.what}" for each in ledger.problems]
        lines += [f"        note: {note}" for note in ledger.notes]
    counted = sum(ledger.counted for ledger in report.ledgers)
    total = decimals.text_of(sum(ledger.total for ledger in report.ledgers))
    lines.append(f"{len(report.ledgers)} ledgers, {counted:,} counted, total {total}")
    return "\n".join(lines)


def _document(report: Report) -> dict[str, object]:
    return {
        "ok": report.ok,
        "total": decimals.text_of(sum(ledger.total for ledger in report.ledgers)),
        "count": sum(ledger.counted for ledger in report.ledgers),
        "ledgers": [_ledger(ledger) for ledger in report.ledgers],
    }


def _ledger(ledger: LedgerReport) -> dict[str, object]:
    return {
        "directory": str(ledger.directory),
        "counted": ledger.counted,
        "duplicates": ledger.duplicates,
        "conflicts": ledger.conflicts,
        "poison": ledger.poison,
        "total": decimals.text_of(ledger.total),
        "next_offset": ledger.next_offset,
        "chain": ledger.chain.hex(),
        "segments": ledger.segments,
        "problems": [
            {"file": str(each.file), "position_bytes": each.position_bytes, "what": each.what}
            for each in ledger.problems
        ],
        "notes": list(ledger.notes),
    }
