"""``tally export``: the ledger's rows as a file on this machine."""

import hashlib
import os
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

import click

from client.commands.shared import settings
from client.failures import CommandError, UnavailableError
from client.rest import RestService

_POLL_S = 0.2


@click.command("export")
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "parquet", "avro"]), default="csv", show_default=True
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to save it; replaced when it is there.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=1, max=86_400),
    default=600.0,
    show_default=True,
    help="Seconds to wait until the service has made the export.",
)
def command(form: str, output: Path, wait_s: float) -> None:
    """Save what is counted to a file, for audit or offline work.

    \b
    Examples:
      tally export --output sums.csv
      tally export --format parquet --output sums.parquet

    The service makes the file as of one moment, the command downloads it and checks its sha256; only then it gets its
    name, and the service's own copy is deleted.
    """
    with RestService(settings().rest_address) as service:
        created = service.call("POST", "/v1/exports", body={"format": form})
        location = created.headers.get("location") or f"/v1/exports/{created.json()['id']}"
        done = _wait(service, location, wait_s)
        try:
            _save(service, f"{location}/file", done["sha256"], output)
        except OSError as error:
            raise CommandError(f"{error.filename or output}: {error.strerror or error}") from None
        service.call("DELETE", location)
    click.echo(f"{output}: {done['rows']:,} rows, sha256 {done['sha256']}")


def _wait(service: RestService, location: str, wait_s: float) -> dict[str, object]:
    """Return the finished export's description. Raises CommandError when it failed or takes too long."""
    deadline = time.monotonic() + wait_s
    while True:
        export = service.call("GET", location).json()
        if export["state"] == "DONE":
            assert isinstance(export, dict)
            return export
        if export["state"] == "FAILED":
            raise CommandError(f"the service could not make the export: {export.get('error') or 'no reason given'}")
        if time.monotonic() > deadline:
            raise UnavailableError(f"the export {location} is not ready after {wait_s:g} s; give more with --wait")
        time.sleep(_POLL_S)


def _save(service: RestService, path: str, sha256: object, output: Path) -> None:
    """Download beside the final name, check, rename. Raises CommandError when the content is not what was promised."""
    digest = hashlib.sha256()
    with NamedTemporaryFile(dir=output.parent, prefix=f"{output.name}.", suffix=".part", delete=False) as part:

        def write(chunk: bytes) -> None:
            digest.update(chunk)
            part.write(chunk)

        try:
            service.download(path, write)
            part.flush()
            _require_equal(digest.hexdigest(), sha256, output)
            os.replace(part.name, output)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def _require_equal(actual: str, promised: object, output: Path) -> None:
    if actual != promised:
        raise CommandError(f"{output}: the download's sha256 is {actual}, not {promised}; nothing is kept, try again")
