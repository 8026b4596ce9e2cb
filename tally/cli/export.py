"""``tally export``: the ledger's rows as a file on this machine."""

import hashlib
import time
from pathlib import Path

import click

from tally.base.written_file import STANDARD_OUTPUT, WrittenFile
from tally.cli.failures import CommandError, UnavailableError
from tally.cli.services.rest import RestService
from tally.cli.shared import settings, wait_option
from tally.ledger.exports.formats import ExportFormat

_POLL_S = 0.2


@click.command("export")
@click.option(
    "--format", "form", type=click.Choice([str(form) for form in ExportFormat]), default="csv", show_default=True
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to save it; an existing file is replaced. - is standard output.",
)
@wait_option("Seconds to wait until the service has made the export.", default_s=600.0, min_s=1, max_s=86_400)
def command(form: str, output: Path, wait_s: float) -> None:
    """Save what is counted to a file, for audit or offline work.

    \b
    Examples:
      tally export --output sums.csv
      tally export --format parquet --output sums.parquet
      tally export --format jsonl --output - | gzip > sums.jsonl.gz

    The service makes the file as of one moment. The command downloads it, checks its sha256, and only then gives the
    file its name; the service's own copy is deleted. A pipe or a device gets the bytes as they arrive: exit code 1 then
    says that what went there is wrong.
    """
    try:
        with RestService(settings().rest_address) as service:
            with WrittenFile(output, private=True) as written:
                created = service.call("POST", "/v1/exports", body={"format": form})
                location = created.headers.get("location") or f"/v1/exports/{created.json()['id']}"
                done = _wait(service, location, wait_s)
                _save(service, f"{location}/file", done["sha256"], written)
            service.call("DELETE", location)
    except OSError as error:
        raise CommandError.of_file(error, output) from None
    name = "standard output" if output == STANDARD_OUTPUT else output
    click.echo(f"{name}: {done['rows']:,} rows, sha256 {done['sha256']}", err=written.streams)


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


def _save(service: RestService, path: str, sha256: object, written: WrittenFile) -> None:
    """Download and check. Raises CommandError when the content is not what was promised, and OSError."""
    digest = hashlib.sha256()

    def write(chunk: bytes) -> None:
        digest.update(chunk)
        written.file.write(chunk)

    service.download(path, write)
    kept = "what went there is wrong" if written.streams else "nothing is kept"
    actual = digest.hexdigest()
    if actual != sha256:
        raise CommandError(f"{written.path}: the download's sha256 is {actual}, not {sha256}; {kept}, try again")
