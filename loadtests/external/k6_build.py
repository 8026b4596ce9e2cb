"""`just k6`: build a k6 with the extension k6/x/tally with the user's own xk6, and check that it has it.

This project neither contains nor fetches k6 and xk6. xk6 takes k6 from where its user takes Go modules; the
extension is the folder loadtests/xk6-tally, and the version of k6 is the one that its go.mod names.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from loadtests.errors import LoadError, UsageError
from loadtests.external.k6_program import EXTENSION, K6
from stack import command_line
from stack.system import ROOT
from tally.base.hints import hint

MODULE: Final = "tally.internal/xk6-tally"
FOLDER: Final = ROOT / "loadtests" / "xk6-tally"
OUTPUT: Final = ROOT / "build" / "k6"

_K6_MODULE: Final = "go.k6.io/k6/v2"
_BUILD_S: Final = 1_800.0
_EXIT_BROKEN: Final = 1
_EXIT_USAGE: Final = 2

HOW: Final = (
    "there is no xk6 on PATH, and TALLY_XK6 names none: install it with `go install go.k6.io/xk6@latest` "
    "(it needs Go 1.26), or build with its container image: "
    "`docker compose -f loadtests/xk6-tally/compose.yml build`\n"
    f"`{hint('load')}` needs neither: its profiles are the same, and `{hint('load kafka')}` reads the topic as well"
)


def k6_version() -> str:
    """Return the version of k6 that the extension's go.mod requires."""
    lines = (FOLDER / "go.mod").read_text(encoding="utf-8").split("\n")
    return next(line.split()[1] for line in lines if line.strip().startswith(f"{_K6_MODULE} v"))


def build_command(xk6: str, version: str, output: Path) -> list[str]:
    """Return the command line that builds."""
    return [xk6, "build", version, "--with", f"{MODULE}={FOLDER}", "--output", str(output)]


def build(version: str, output: Path, environment: Mapping[str, str]) -> str:
    """Build and return what ``k6 version`` says. Raises UsageError without an xk6, LoadError when it does not work."""
    xk6 = environment.get("TALLY_XK6") or shutil.which("xk6", path=environment.get("PATH", ""))
    if xk6 is None or shutil.which(xk6) is None:
        raise UsageError(
            HOW if xk6 is None else f'TALLY_XK6 is "{xk6}", which is not a program: name an xk6, or unset it'
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)  # a k6 of an earlier build must not pass for this one
    command = build_command(xk6, version, output)
    print(" ".join(command), flush=True)
    try:
        done = subprocess.run(command, env=dict(environment), timeout=_BUILD_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LoadError(f"xk6 did not build k6: {error}") from error
    if done.returncode != 0 or not output.exists():
        raise LoadError(f"xk6 did not build {output} (exit code {done.returncode}); its output above says why")
    return checked_version(output)


def checked_version(program: Path) -> str:
    """Return what ``k6 version`` says. Raises LoadError when the extension is not in its list."""
    try:
        k6 = K6.at(program)
    except (OSError, subprocess.SubprocessError) as error:
        raise LoadError(f"{program} was built and does not run: {error}") from error
    if not k6.has_extension:
        raise LoadError(f"{program} was built without {EXTENSION}; `k6 version` says: {k6.version}")
    return k6.version


@click.command(
    help=f"Build a k6 with k6/x/tally, with your own xk6. VERSION is the version of k6, by default {k6_version()}."
)
@click.argument("version", default=k6_version())
@click.option(
    "--output", type=click.Path(path_type=Path), default=OUTPUT, help="Where to write the k6.  [default: build/k6]"
)
def command(version: str, output: Path) -> int:
    """Build, and tell how to use what was built."""
    try:
        print(build(version, output.resolve(), os.environ))
    except (LoadError, UsageError) as error:
        print(error, file=sys.stderr)
        return _EXIT_USAGE if isinstance(error, UsageError) else _EXIT_BROKEN
    print(f"built {output}: `{output} run -e PROFILE=kafka loadtests/tally.js`")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 built, 1 not built, 2 there is no xk6 or the command is wrong."""
    return command_line.run(command, hint("k6"), arguments)


if __name__ == "__main__":
    sys.exit(main())
