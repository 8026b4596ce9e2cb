"""``tally load``: two columns of a CSV file."""

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import click

from tally.base.written_file import STANDARD_OUTPUT
from tally.cli.failures import CommandError, InterruptedByUserError, UnavailableError, WrongUsageError
from tally.cli.loading.csv_source import ColumnError, CsvSourceError, Dialect, check_delimiter, check_encoding
from tally.cli.loading.ids import check_source_id
from tally.cli.loading.load_memory import Doubt, Loaded, LoadMemory, choose_source_id
from tally.cli.loading.load_summary import summary, table
from tally.cli.loading.loading import CsvFile, Load, LoadReport, WrongSumError
from tally.cli.loading.progress import LoadProgress, stderr_progress
from tally.cli.loading.rejects import RejectsFile
from tally.cli.services.cluster import Expected, cluster_at, start_line
from tally.cli.services.grpc import connected
from tally.cli.shared import cluster_option, history_option, json_option, retry_option, settings
from tally.client.client import Client
from tally.client.history import HistoryError
from tally.client.sending import Environment

_CLUSTER_S = 2.0
"""How long a load that may go to any cluster waits for the name of this one."""


@click.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--a", "column_a", required=True, metavar="COLUMN", help="Column of the first number.")
@click.option("--b", "column_b", required=True, metavar="COLUMN", help="Column of the second number.")
@click.option("--source-id", metavar="NAME", help="The rows' origin; the hash of the content if not given.")
@click.option(
    "--rejects",
    "rejects_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write rows that cannot be added; - is standard output. [default: FILE.rejects.csv beside the file]",
)
@click.option("--delimiter", default=",", show_default=True, help="The character between columns.")
@click.option("--encoding", default="utf-8", show_default=True, help="The file's encoding.")
@click.option(
    "--max-rejects",
    "rejects_max",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Rejected rows to accept: exit code 1 only if there are more.",
)
@cluster_option
@history_option
@retry_option
@json_option
def command(
    *,
    file: Path,
    column_a: str,
    column_b: str,
    source_id: str | None,
    rejects_path: Path | None,
    delimiter: str,
    encoding: str,
    rejects_max: int,
    expect_cluster: str | None,
    history: Path | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Add two columns of a CSV file, row by row.

    \b
    Examples:
      tally load flights.csv --a dep_delay --b arr_delay
      tally load july.csv --a net --b tax --source-id invoices-2026-07
      tally load july.csv.gz --a net --b tax
      unzip -p all.zip july.csv | tally load - --a net --b tax

    Running it again adds nothing: each row's request id follows from the source id and the row's line number. The
    source id is the sha256 of the content unless given. A file that was loaded before under the same path but with
    other content (or columns, or source id) is not loaded until --source-id says what it is; what was loaded is
    remembered in TALLY_DATA_DIR/client/loads.json.

    Rows without two numbers, or with more digits than the contract allows, go to the rejects file with line number and
    reason, and the exit code is 1 if there are more than --max-rejects of them. Nothing is ever rounded. Blanks around
    a number are not part of it. If the end of a record is unknown, as after a quote that is never closed, the load
    stops with exit code 1: no line after it is taken for a row.

    The load first says which system it adds to, and the total there. With --expect-cluster it sends nothing to another.

    FILE may be compressed with gzip or zstd, a pipe, or - for standard input. The same content has the same request
    ids, compressed or not.
    """
    try:
        dialect = Dialect(column_a, column_b, check_delimiter(delimiter), check_encoding(encoding))
        given = None if source_id is None else check_source_id(source_id)
    except ValueError as error:
        raise WrongUsageError(str(error)) from None
    environment = settings()
    address = environment.grpc_address
    connect = partial(_connect, address, wait_s, history, Expected.given(expect_cluster))
    own_folder = environment.data_dir / "client"
    memory = LoadMemory(own_folder / "loads.json")
    try:
        _require_other_files(file, {"--rejects": rejects_path, "--history": history})
        with CsvFile(file, dialect, own_folder) as source:
            rejects_path = rejects_path or source.input.beside(".rejects.csv")
            known = source.input.has_a_name
            used_id = _agree(source, given, memory.recall(address, file) if known else None)
            if memory.trouble is not None:
                click.echo(
                    f"tally: {memory.path}: {memory.trouble}; whether this file was loaded before is not known. "
                    f"Whatever was counted under its request ids is still not counted twice",
                    err=True,
                )
            used = Loaded(used_id, source.sha256, column_a, column_b)
            with RejectsFile(rejects_path) as rejects:
                remember = partial(memory.remember, address, file, used) if known else _nothing
                begin = partial(_begin, address, environment.rest_address, remember)
                report, interrupted = _run(Load(source, used_id, rejects), connect, begin)
            changed = report.complete and source.changed_while_read
    except ColumnError as error:
        raise WrongUsageError(f"{file}: {error}") from None
    except CsvSourceError as error:
        raise CommandError(f"{file}: {error}") from None
    except HistoryError as error:
        raise WrongUsageError(str(error)) from None
    except WrongSumError as error:
        raise CommandError(f"{address} answered with a wrong sum; stopped. {error}") from None
    except OSError as error:
        raise CommandError.of_file(error, file) from None
    told = json.dumps(summary(report, used_id, rejects), indent=1) if as_json else table(report, used_id, rejects)
    click.echo(told, err=rejects_path == STANDARD_OUTPUT)
    _end(report, file, address, used_id, interrupted=interrupted, changed=changed)
    _require_few_rejects(report, rejects_max, rejects)


def _require_other_files(file: Path, outputs: Mapping[str, Path | None]) -> None:
    """Raise WrongUsageError when a file to be written is the one that is loaded, by whatever name."""
    for option, output in outputs.items():
        if output is not None and output.is_file() and file.is_file() and output.samefile(file):
            raise WrongUsageError(f"{option} is {output}, the file that is loaded: give another one")


def _nothing() -> None:
    """Remember nothing: what came by a pipe has no name to be known by."""


def _require_few_rejects(report: LoadReport, rejects_max: int, rejects: RejectsFile) -> None:
    """Raise CommandError when more rows were rejected than are allowed."""
    first = report.first_reject
    if first is not None and report.rejected > rejects_max:
        raise CommandError(
            f"{report.rejected:,} rows were rejected, the first at line {first.line}: {first.reason}; all of them are "
            f"in {rejects.shown}. The others are counted. To accept that, give --max-rejects {report.rejected}"
        )


def _agree(source: CsvFile, given: str | None, before: Loaded | None) -> str:
    """Return the source id. Raises WrongUsageError with the two ways on."""
    now = Loaded(source.sha256, source.sha256, source.dialect.column_a, source.dialect.column_b)
    choice = choose_source_id(given, now, before)
    if isinstance(choice, Doubt):
        ways = "".join(f"\n  - {way}" for way in choice.ways)
        raise WrongUsageError(f"{source.path} {choice.reason}; nothing was sent. Say which it is:{ways}")
    return choice.source_id


def _connect(
    address: str, wait_s: float, history: Path | None, expected: Expected | None, environment: Environment
) -> AbstractAsyncContextManager[Client]:
    return connected(address, wait_s, history=history, environment=environment, expected=expected)


async def _begin(address: str, rest_address: str, remember: Callable[[], None]) -> None:
    """Say which system this adds to, and remember what is loaded."""
    cluster = await cluster_at(address, _CLUSTER_S)
    click.echo(await asyncio.to_thread(start_line, address, cluster, rest_address), err=True)
    remember()


def _run(
    load: Load,
    connect: Callable[[Environment], AbstractAsyncContextManager[Client]],
    begin: Callable[[], Awaitable[None]],
) -> tuple[LoadReport, bool]:
    """Return the report and whether Ctrl-C ended the load. ``begin`` is called before the first row is sent."""
    with stderr_progress(load.source.size_bytes) as progress:
        try:
            asyncio.run(_send(load, connect(Environment(on_retry=progress.retrying)), progress, begin))
        except KeyboardInterrupt:
            return load.report, True
    return load.report, False


async def _send(
    load: Load,
    connection: AbstractAsyncContextManager[Client],
    progress: LoadProgress,
    begin: Callable[[], Awaitable[None]],
) -> None:
    async def after_batch(report: LoadReport) -> None:
        progress.update(report)

    async with connection as client:
        await begin()
        await load.run(client, after_batch)


def _end(report: LoadReport, file: Path, address: str, source_id: str, *, interrupted: bool, changed: bool) -> None:
    """End the process by what the report says, the worst first."""
    again = "run the same command again: what was counted is not counted twice"
    if interrupted:
        raise InterruptedByUserError(
            f"interrupted after {report.acknowledged:,} acknowledged rows; {report.unanswered:,} more were on their "
            f"way, counted or not. To finish, {again}"
        )
    if report.last_unknown is not None:
        last = report.last_unknown
        raise UnavailableError(
            f"{address} stopped answering ({last.status}: {last.reason}) after {report.acknowledged:,} acknowledged "
            f"rows. When it is back, {again}"
        )
    if report.error is not None:
        raise CommandError(
            f"{file}: {report.error}. The rows before it are sent. Correct the file from there on, then run the same "
            f"command with --source-id {shlex.quote(source_id)}: what was counted is not counted twice"
        )
    if report.first_refused is not None:
        line, refused = report.first_refused
        raise CommandError(
            f"{report.refused:,} rows were refused by the service, the first at line {line}: {refused.status}: "
            f"{refused.reason}; all of them are in the rejects file"
        )
    if changed:
        raise CommandError(f"{file} changed while it was read: check it, then {again}")
