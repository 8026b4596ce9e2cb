"""``tally add``: one addition."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import click

from tally.base.hints import program
from tally.base.shown.values import printable
from tally.cli.failures import CommandError, InterruptedByUserError, UnavailableError, WrongUsageError
from tally.cli.services.cluster import Expected
from tally.cli.services.grpc import connected
from tally.cli.shared import cluster_option, history_option, json_option, retry_option, settings
from tally.client.client import Client
from tally.client.history import HistoryError
from tally.client.outcomes import Addition, Committed, Outcome, Refused, Unknown
from tally.event import decimals


class _Number(click.ParamType[str]):
    """An exact decimal of the contract, kept as text."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged."""
        try:
            decimals.parse(str(value))
        except decimals.DecimalTextError as error:
            self.fail(f"{error}; it is never rounded", param, ctx)
        return str(value)


# Unknown options are arguments here, so that -40.25 is a number and not an option.
@click.command("add", context_settings={"ignore_unknown_options": True})
@click.argument("a", type=_Number())
@click.argument("b", type=_Number())
@click.option("--request-id", type=click.UUID, help="The addition's identity; a new random one if not given.")
@cluster_option
@history_option
@retry_option
@json_option
def command(
    *,
    a: str,
    b: str,
    request_id: UUID | None,
    expect_cluster: str | None,
    history: Path | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Add two numbers and print their sum once it is committed.

    \b
    Examples:
      tally add 2 40.5
      tally add -- -2 -40.25
      tally add 2 40.5 --request-id 7b0d7a3c-5d2f-4a9e-9f5a-0d6c1b2a3e4f

    Numbers are exact: at most 29 digits before the point and 9 after it. The same request id with the same numbers is
    counted once, however often it is sent.
    """
    addition = Addition.of(a, b, str(request_id) if request_id else None)
    address = settings().grpc_address
    expected = Expected.given(expect_cluster)
    try:
        outcome = asyncio.run(_add(addition, connected(address, wait_s, history=history, expected=expected)))
    except HistoryError as error:
        raise WrongUsageError(str(error)) from None
    except OSError as error:
        raise CommandError.of_file(error, history) from None
    except KeyboardInterrupt:
        raise InterruptedByUserError(f"interrupted, it may have been counted. {_again(addition)}") from None
    if as_json:
        click.echo(json.dumps({"outcome": type(outcome).__name__.lower(), **asdict(outcome)}))
    _end(outcome, addition, address, as_json)


async def _add(addition: Addition, connection: AbstractAsyncContextManager[Client]) -> Outcome:
    async with connection as client:
        return await client.add(addition.a, addition.b, addition.request_id)


def _end(outcome: Outcome, addition: Addition, address: str, as_json: bool) -> None:
    match outcome:
        case Committed():
            if not as_json:
                place = outcome.position
                known = ", known before: counted once" if outcome.duplicate else ""
                click.echo(outcome.sum)
                click.echo(
                    f"request {outcome.request_id} at {place.topic} {place.partition}:{place.offset}{known}", err=True
                )
        case Refused():
            fields = "".join(f"; {each.field}: {each.description}" for each in outcome.violations)
            raise CommandError(printable(f"refused, {outcome.status}: {outcome.reason}{fields}"))
        case Unknown():
            doubt = "it may have been counted" if outcome.possibly_committed else "it was not counted"
            raise UnavailableError(
                f"no answer from {address} after {outcome.attempts} attempts, {doubt} (last: {outcome.status}: "
                f"{printable(outcome.reason)}). {_again(addition)}"
            )


def _again(addition: Addition) -> str:
    command = f"{program('tally')} add --request-id {addition.request_id} -- {addition.a} {addition.b}"
    return f"Send it again; it will be counted once: {command}"
