"""``python -m benchmarks [NAME...] [--quick]``: Tally beside the limits of this machine."""

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks import backlog, door, machine, report, telemetry
from benchmarks.results import Comparison
from benchmarks.system import create_bare_topic, running

NAMES = ("unary", "batch", "idle", "consumer", "codegen", "telemetry", "telemetry-consumer")
DIRECTORY = Path("build") / "bench"


def measure(names: list[str], quick: bool, console: Console) -> list[Comparison]:
    """Run benches by name: those of the producer on one stack, that of the consumer on another."""
    comparisons: list[Comparison] = []
    size = door.QUICK if quick else door.FULL
    benches = {"unary": door.unary, "batch": door.batch, "idle": door.idle}
    chosen = [name for name in benches if name in names]
    if chosen:
        console.print("starting Kafka, registry and producer (no consumer: the limits have none either)")
        lanes = {"TALLY_PRODUCER_LANES": str(door.LANES)}
        with running(DIRECTORY / "data", ("kafka", "registry", "contracts", "producer"), lanes) as stack:
            create_bare_topic(stack)
            for name in chosen:
                console.print(f"measuring {name}")
                comparisons.append(benches[name](stack, size))
    if "codegen" in names:
        from benchmarks.codec import codec, gen  # noqa: PLC0415 - the others do without these
        from benchmarks.validation import validation  # noqa: PLC0415 - the others do without protovalidate

        console.print("measuring codegen")
        comparisons += [*codec(quick=quick), validation(quick=quick), *gen(quick=quick)]
    if "consumer" in names:
        console.print("starting Kafka and registry, filling the topic")
        with running(DIRECTORY / "data", ("kafka", "registry", "contracts")) as stack:
            comparisons.append(backlog.consumer(stack, backlog.QUICK if quick else backlog.FULL, block_records()))
    if "telemetry" in names:
        console.print("starting Kafka and registry, and producers with telemetry and without")
        with running(DIRECTORY / "data", ("kafka", "registry", "contracts")) as stack:
            comparisons += telemetry.unary(stack, telemetry.QUICK if quick else telemetry.FULL)
    if "telemetry-consumer" in names:
        console.print("filling topics, and counting them with telemetry and without")
        for share in telemetry.TRACED_SHARES[: 1 if quick else None]:
            with running(DIRECTORY / "data", ("kafka", "registry", "contracts")) as stack:
                much = telemetry.QUICK if quick else telemetry.FULL
                comparisons += telemetry.consumer(stack, much, share)
    return comparisons


def block_records() -> int:
    """Return how many records the consumer fetches at once by default."""
    from consumer.settings import ConsumerSettings  # noqa: PLC0415 - the benches of the producer do without

    return int(ConsumerSettings.model_fields["consumer_block_records_max"].default)


def main() -> None:
    """Read the options, measure, show, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="a short run that shows that the benches work")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown bench {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    console = Console(width=None)
    facts = machine.describe()
    comparisons = measure(options.names or list(NAMES), options.quick, console)
    report.show(console, facts, comparisons)
    console.print(f"written to {report.write(DIRECTORY, facts, comparisons)}", highlight=False)


if __name__ == "__main__":
    main()
