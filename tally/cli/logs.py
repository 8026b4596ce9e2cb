"""``tally logs``: the log lines of all services that match a query."""

import json
from typing import Any

import click

from tally.base.shown.values import printable
from tally.cli.services.rest import RestService
from tally.cli.shared import json_option, settings

_OWN = ("_msg", "_time", "_stream", "_stream_id", "severity_text", "severity_number", "service.name")
_QUIET = ("service.", "telemetry.", "scope.", "code.")


@click.command("logs")
@click.argument("query", default="*")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Most lines to print.")
@json_option
def command(query: str, limit: int, as_json: bool) -> None:
    """Print the newest log lines that match QUERY, the oldest of them first.

    \b
    Examples:
      tally logs
      tally logs 'severity_text:ERROR'
      tally logs 'trace_id:2f7cd964f206d1056f393d84e6cfabda'

    QUERY is LogsQL: words, field:value, and, or, not. `./justw observe` must run.
    """
    place = {"name": "the log store", "setting": "TALLY_LOGS_ENGINE_PORT", "recipe": "observe"}
    with RestService(settings().logs_address, **place) as engine:
        params = {"query": f"{query} | sort by (_time) desc | limit {limit}"}
        answer = engine.call("GET", "/select/logsql/query", params=params)
    lines = [json.loads(text) for text in answer.content.split(b"\n") if text.strip()]
    if not lines:
        click.echo(f"no log line matches {query!r}", err=True)
    for line in reversed(lines):
        click.echo(json.dumps(line) if as_json else readable(line))


def readable(line: dict[str, Any]) -> str:
    """Return one line for a person: time, level, service, message, then what else it says."""
    rest = [
        f"{name}={value}" for name, value in sorted(line.items()) if name not in _OWN and not name.startswith(_QUIET)
    ]
    level, service = line.get("severity_text", "-"), line.get("service.name", "-")
    shown = " ".join([f"{line['_time'][:23]}Z", f"{level:<7}", f"{service:<15}", line.get("_msg", ""), *rest])
    return printable(shown)
