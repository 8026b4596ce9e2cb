"""Commands that download or build what a stack is made of, and start nothing."""

import click

from stack.checkout import say, settings_of_checkout
from stack.fetch import downloads, go_programs
from stack.fetch.locks import AGENT_LOCK, read
from stack.parts.components import Components
from stack.parts.engines import ENGINES, PROMTOOL, SETS
from stack.parts.names import ORDER
from tally.base.cache_folder import cache_folder


@click.command()
def fetch() -> None:
    """Download what the native parts are made of."""
    settings_of_checkout()
    Components().fetch(ORDER, say)
    print("everything is there")


@click.command()
def engines() -> None:
    """Build the engines of `just observe full` that are not there yet."""
    for each in [*(ENGINES[name].program for name in SETS["full"]), PROMTOOL]:
        go_programs.ensure(each, cache_folder(), say)


@click.command()
def agent() -> None:
    """Download the agent that shows the broker's metrics, and print where it is."""
    print(downloads.fetch(cache_folder(), read(AGENT_LOCK), downloads.from_maven_central, say)[0])
