"""``tally total``: what is counted."""

import json
import re

import click

from tally.base.hints import program
from tally.cli.failures import CommandError
from tally.cli.services.rest import RestService
from tally.cli.shared import json_option, settings, wait_option

_FIGURES = ("count", "duplicates", "conflicts", "poison")


class _PositionType(click.ParamType[str]):
    """PARTITION:OFFSET, as `tally add` prints it."""

    name = "partition:offset"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged."""
        if re.fullmatch(r"[0-9]{1,9}:[0-9]{1,18}", str(value)) is None:
            self.fail(f"{value!r} is not PARTITION:OFFSET, for example 3:1041", param, ctx)
        return str(value)


@click.command("total")
@click.option("--min-position", type=_PositionType(), help="Wait until this record is counted.")
@wait_option("Seconds to wait for --min-position.", default_s=10.0, max_s=30)
@json_option
def command(min_position: str | None, wait_s: float, as_json: bool) -> None:
    """Print the total over everything counted.

    \b
    Examples:
      tally total
      tally total --min-position 3:1041
      tally total --json

    With --min-position the answer covers that record, which `tally add` names: you read what you wrote. A total that
    lacks a partition is printed as incomplete, with exit code 1.
    """
    params = {} if min_position is None else {"min_position": min_position, "wait_ms": str(round(wait_s * 1000))}
    with RestService(settings().rest_address) as service:
        answer = service.call("GET", "/v1/total", params=params, timeout_s=wait_s + 10).json()
    if as_json:
        click.echo(json.dumps(answer, indent=1))
    else:
        click.echo(f"total       {answer['total']}")
        for name in _FIGURES:
            click.echo(f"{name:<11} {answer[name]:,}")
        click.echo(f"as of       {answer['as_of']}")
    if not answer["complete"]:
        missing = [str(each["partition"]) for each in answer["partitions"] if each["total"] is None]
        what = f"partitions {', '.join(missing)}" if missing else "a partition's figures"
        again = f"{program('tally')} total"
        raise CommandError(f"not complete: {what} unknown at this moment; `{again}` again, or see /v1/partitions")
