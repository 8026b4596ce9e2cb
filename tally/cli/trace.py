"""``tally trace``: one addition's journey, from the call to the fsync."""

import re
import uuid

import click

from tally.base.hints import program
from tally.cli import traces
from tally.cli.failures import CommandError
from tally.cli.services.kafka import records
from tally.cli.services.rest import RestService
from tally.cli.settings import ClientSettings
from tally.cli.shared import settings
from tally.generated.topics import SUMS

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")  # W3C Trace Context


@click.command("trace")
@click.argument("which", metavar="REQUEST_ID|TRACE_ID")
def command(which: str) -> None:
    """Print the journey of one addition as a tree with durations.

    \b
    Examples:
      tally trace c45facb5-2d96-4ead-8328-46c9aab12dec
      tally trace 2f7cd964f206d1056f393d84e6cfabda

    A request id is looked up in the ledger, and its record's header names the trace. Trace ids are found in log lines
    and in the reports of load tests. The transaction and the block that carried the addition are traces of their own
    and follow below. `./justw observe` must run, and the addition must have been sampled (TALLY_TRACE_RATIO).
    """
    config = settings()
    trace_id = which if _TRACE_ID.fullmatch(which) else _trace_of(config, which)
    place = {"name": "the trace store", "setting": "TALLY_TRACES_ENGINE_PORT", "recipe": "observe"}
    with RestService(config.traces_address, **place) as engine:
        spans = _spans(engine, trace_id)
        if not spans:
            raise CommandError(
                f"{config.traces_address} has no trace {trace_id}: it is too recent (wait 10 s) or was deleted"
            )
        origin_us = spans[0].began_us
        click.echo(f"trace {trace_id}\n     start        took")
        click.echo("\n".join(traces.tree(spans, origin_us)))
        for other in traces.linked(spans):
            shown = traces.tree(_spans(engine, other), origin_us)
            click.echo("\n".join([f"\nlinked: trace {other}", *shown]))


def _spans(engine: RestService, trace_id: str) -> list[traces.Span]:
    found = engine.find(f"/api/traces/{trace_id}")
    return traces.spans_of(found.json()) if found is not None else []


def _trace_of(config: ClientSettings, which: str) -> str:
    """Return the trace of a request: the ledger knows the record's place, and the record's header the trace."""
    try:
        request_id = str(uuid.UUID(which))
    except ValueError:
        raise click.BadParameter(f"{which!r} is neither a UUID nor a trace id of 32 hexadecimal digits") from None
    with RestService(config.rest_address) as service:
        found = service.find(f"/v1/requests/{request_id}")
    if found is None:
        raise CommandError(f"{request_id} is not counted (yet): see `{program('tally')} total`")
    place = found.json()
    partition = place["partition"]
    record = next(records(config, SUMS, range(partition, partition + 1), place["offset"], follow=False), None)
    parent = (
        _TRACEPARENT.fullmatch(record.headers.get("traceparent", b"").decode("ascii", "replace")) if record else None
    )
    if parent is None:
        raise CommandError(
            f"{request_id} was not sampled: TALLY_TRACE_RATIO=1 traces every call, or send a sampled traceparent"
        )
    return parent["trace"]
