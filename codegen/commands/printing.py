"""What several commands print: a plan, and notes beside a result."""

import json
import sys
from typing import Final, NamedTuple

import click
import msgspec

from codegen.plan import file as plan_file
from codegen.plan.changes import AGAINST, line, pending
from codegen.plan.terms import Change, Kind, Wanted
from codegen.remote.capabilities import Capabilities
from codegen.remote.registries import Target
from tally.base.shown.terminal import unguarded
from tally.base.shown.values import printable

_COLOURS: Final = {
    Kind.CREATE: "green",
    Kind.UPDATE: "yellow",
    Kind.DOCS: "cyan",
    Kind.CONFIG: "yellow",
    Kind.DELETE: "red",
    Kind.RENAME: "red",
    Kind.DRIFT: "magenta",
    Kind.NOOP: None,
}


class Registry(NamedTuple):
    """The registry that a plan is for: its address without credentials, and what it can do."""

    url: str
    can: Capabilities

    def line(self) -> str:
        """Return it as a line for a person."""
        told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in self.can.told().items() if names)
        return f"registry {self.url}, {told}"


def show(changes: tuple[Change, ...], code: int, *, as_json: bool, about: Registry | None = None) -> None:
    """Print a plan: a line about the registry, one a change, in colours on a terminal; or JSON."""
    if as_json:
        lines = msgspec.to_builtins(plan_file.lines_of(changes))
        registry = {"url": about.url, **about.can.told()} if about else None
        document = {"registry": registry, "changes": lines, "exit_code": code}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if about is not None:
        _drawn(about.line(), dim=True)
    for change in changes:
        colour = _COLOURS[change.kind]
        head, *rest = line(change).split("\n")
        _drawn(head, fg=colour, dim=colour is None)
        for said in rest:
            _drawn(said, fg="red" if said.startswith(AGAINST) else "cyan")
    summary = {0: "nothing to do", 2: "changes pending", 3: "breaking changes; nothing will be published", 4: "drift"}
    print(summary[code] if code != 2 else f"{len(pending(changes))} {summary[2]}")


def _drawn(text: str, *, fg: str | None = None, dim: bool = False) -> None:
    """Print in a colour, on a terminal."""
    click.echo(click.style(printable(text), fg=fg, dim=dim), file=unguarded(sys.stdout))


def tell_of_topics(wanted: Wanted, where: Target) -> None:
    """Say that topics are not looked at."""
    if wanted.topics and not where.kafka:
        note(f"the {len(wanted.topics)} topics are left alone; give --kafka to look at them as well")


def note(text: str) -> None:
    """Print beside the result."""
    click.echo(text, err=True)
