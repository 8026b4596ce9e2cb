"""What ``tally`` and ``codegen`` say where the packages of an extra are missing: which extra brings them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

EXIT_UNAVAILABLE: Final = 69

_OWN: Final = ("tally", "codegen")


@contextmanager
def extra_named(command: str, extra: str) -> Iterator[None]:
    """Run what needs the packages of an extra; where one of them is missing, say so and exit with 69."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", *_OWN):
            raise
        sys.stderr.write(f"{command}: the package {missing} is missing: pip install 'tally[{extra}]' brings it\n")
        sys.exit(EXIT_UNAVAILABLE)
