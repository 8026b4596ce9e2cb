"""The commands behind `just sbom`, `wheel` and `audit-pins`: ``python -m stack.supply --help``."""

import sys
from collections import Counter
from pathlib import Path
from typing import Final, assert_never

import click

from stack import command_line
from stack.checkout import say
from stack.errors import StackError
from stack.fetch import pinned_wheel
from stack.fetch.downloads import NetworkError
from stack.supply import audit, bills, installed, licences, sbom, wheel
from stack.system import ROOT
from tally.base.cache_folder import cache_folder
from tally.base.hints import typed_as
from tally.base.written_file import write_file

EXIT_REFUSED: Final = 1
EXIT_NO_DATA: Final = 69
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(help=__doc__)
def program() -> None:
    """The group; its help is the module's."""


@program.command("sbom")
@click.option("--output", type=_FOLDER, default=ROOT / "build" / "sbom", help="The folder; build/sbom by default.")
def write_bills(output: Path) -> None:
    """Write what the wheel, each image and the native stack are made of, a CycloneDX file each, and their licences.

    Nothing is written when a licence is unknown or not allowed by stack/supply/licences.toml.
    """
    every = bills.bills()
    licence_by_url = sbom.licences(every, licences.rules())
    made_at_s = wheel.moment()
    output.mkdir(parents=True, exist_ok=True)
    for bill in every:
        write_file(output / f"{bill.name}.cdx.json", sbom.document(bill, licence_by_url, made_at_s))
        print(f"{output / bill.name}.cdx.json, parts: {len(bill.parts)}")
    lines = [f"{url}: {licence}\n" for url, licence in licence_by_url.items()]
    write_file(output / "licences.txt", "".join(lines))
    counts = Counter(licence_by_url.values()).most_common()
    print("licences: " + ", ".join(f"{count} {licence}" for licence, count in counts))


@program.command("wheel")
@click.option("--output", type=_FOLDER, default=ROOT / "dist", help="The folder; dist by default.")
def build_wheel(output: Path) -> None:
    """Build the wheel of what is committed: one commit gives the same bytes."""
    given_s = wheel.moment()
    names, committed_s = wheel.committed(ROOT)
    print(wheel.build(ROOT, names, output, committed_s if given_s is None else given_s))


@program.command("audit-pins")
def audit_pins() -> int:
    """Look up the pinned packages of Python in PyPI's list of known faults.

    Exit code 0: all were looked up, and nothing is known. 1: faults are known. 69: there is no data.
    """
    pins = sorted(installed.REQUIREMENTS.glob("*.txt"))
    try:
        folder = pinned_wheel.ensure("pip-audit", installed.REQUIREMENTS / "audit.txt", 10, cache_folder(), say)
        answer = audit.audit(pins, audit.pip_audit(folder))
    except (NetworkError, StackError) as error:
        answer = audit.NoData(str(error))
    match answer:
        case audit.Clean(count):
            print(f"{count} pins of {len(pins)} files in requirements were looked up: no fault is known of any")
            return 0
        case audit.Known(faults):
            print("\n".join(faults))
            return EXIT_REFUSED
        case audit.NoData(why):
            say(f"no data, so nothing can be said about the pinned packages: {why}")
            return EXIT_NO_DATA
        case _:
            assert_never(answer)


def main() -> int:
    """Run one command and return its exit code."""
    try:
        return command_line.run(program, typed_as())
    except StackError as error:
        say(str(error))
        return EXIT_REFUSED
    except OSError as error:
        say(f"{error.filename}: {error.strerror}")
        return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
