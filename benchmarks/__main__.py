"""``python -m benchmarks [NAME...] [--quick]``: Tally beside the limits of this machine.

The exit code is 1 when a bench failed; a target that was missed is no failure.
"""

import sys
from pathlib import Path

import click
from rich.console import Console

from benchmarks import backlog, calls, k6_load, machine, report, telemetry
from benchmarks.suite import Suite
from benchmarks.system import create_bare_topic, running
from benchmarks.without_kafka import WITHOUT_KAFKA
from stack import command_line
from stack.fetch.downloads import exclusive
from stack.parts.names import ORDER
from tally.base.hints import hint

CALLS = {"unary": calls.unary, "batch": calls.batch, "columns": calls.columns, "idle": calls.idle}
ALL = (*CALLS, "consumer", *WITHOUT_KAFKA, "telemetry", *telemetry.CATCH_UP)
NAMES = (*ALL, "k6")
DIRECTORY = Path("build") / "bench"


def measure(suite: Suite, names: list[str], quick: bool, console: Console, pairs: int | None = None) -> None:
    """Run benches by name: those of calls share a stack, every other one has a stack and data of its own."""
    of_calls = [name for name in CALLS if name in names]
    if of_calls:
        with suite.attempt(*of_calls):
            _calls(suite, of_calls, quick, console)
    for name in WITHOUT_KAFKA:
        if name in names:
            with suite.attempt(name):
                console.print(f"measuring {name}")
                suite.comparisons += WITHOUT_KAFKA[name](quick)
    if "consumer" in names:
        console.print("starting Kafka and registry, filling the topic")
        with suite.attempt("consumer"), running(_data("consumer"), ("kafka", "registry", "contracts")) as stack:
            size = backlog.QUICK if quick else backlog.FULL
            suite.comparisons.append(backlog.consumer(stack, size, block_records()))
    much = telemetry.QUICK if quick else telemetry.FULL
    if "telemetry" in names:
        console.print("starting Kafka and registry, and producers with telemetry and without")
        with suite.attempt("telemetry"), running(_data("telemetry"), ("kafka", "registry", "contracts")) as stack:
            suite.comparisons += telemetry.unary(stack, much)
    for name in telemetry.CATCH_UP:
        if name in names:
            console.print("filling a topic, and counting it with telemetry and without")
            with suite.attempt(name), running(_data(name), ("kafka", "registry", "contracts")) as stack:
                suite.comparisons += telemetry.consumer(stack, much, name)
    if "k6" in names:
        console.print("starting everything, and running a profile with the k6 script and with our generator")
        with suite.attempt("k6"), running(_data("k6"), ORDER) as stack:
            suite.comparisons.append(k6_load.beside_ours(stack, k6_load.of(quick, pairs)))


def _calls(suite: Suite, names: list[str], quick: bool, console: Console) -> None:
    console.print("starting Kafka, registry and producer (no consumer: the limits have none either)")
    lanes = {"TALLY_PRODUCER_LANES": str(calls.LANES)}
    with running(_data("calls"), ("kafka", "registry", "contracts", "producer"), lanes) as stack:
        create_bare_topic(stack)
        for name in names:
            console.print(f"measuring {name}")
            with suite.attempt(name):
                suite.comparisons.append(CALLS[name](stack, calls.QUICK if quick else calls.FULL))
        suite.check(names)


def _data(bench: str) -> Path:
    """Return a bench's own folder: what a failed bench left is kept while the next one runs."""
    return DIRECTORY / "data" / bench


def block_records() -> int:
    """Return how many records the consumer fetches at once by default."""
    from consumer.settings import ConsumerSettings  # noqa: PLC0415 - the benches of the producer do without

    return int(ConsumerSettings.model_fields["consumer_block_records_max"].default)


@click.command(help=f"{__doc__}\n\nNAME is one of {', '.join(NAMES)}; without a NAME, all but k6 run.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="A short run that shows that the benches work.")
@click.option(
    "--pairs", type=click.IntRange(1, 100), metavar="N", help="How many pairs of runs the bench k6 makes, 1 to 100."
)
def program(names: tuple[str, ...], quick: bool, pairs: int | None) -> int:
    """Measure, show, write. Return the exit code."""
    unknown = set(names) - set(NAMES)
    if unknown:
        raise click.UsageError(f"unknown bench {', '.join(sorted(unknown))}; the benches are {', '.join(NAMES)}")
    console = Console(file=command_line.own_output())
    suite = Suite()

    def waiting() -> None:
        console.print(f"another `{hint('bench')}` of this checkout is running; this one begins when it ends")

    with exclusive(DIRECTORY / "lock", waiting):  # two at once would measure each other, and share their folders
        facts = machine.describe()
        measure(suite, list(names or ALL), quick, console, pairs)
    if suite.comparisons:
        report.show(console, facts, suite.comparisons)
        console.print(f"written to {report.write(DIRECTORY, facts, suite.comparisons)}", highlight=False)
    if suite.failed:
        print(f"failed, see above: {', '.join(suite.failed)}", file=sys.stderr)
    return 1 if suite.failed else 0


def main() -> int:
    """Run the command line and return the exit code."""
    return command_line.run(program, hint("bench"))


if __name__ == "__main__":
    sys.exit(main())
