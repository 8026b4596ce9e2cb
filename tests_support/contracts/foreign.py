"""Contracts that nobody here wrote: packages pinned by requirements/foreign.txt, read as files from the cache."""

from functools import cache
from pathlib import Path
from typing import Final

import pytest

from stack.errors import StackError
from stack.fetch import pinned_wheel
from stack.fetch.downloads import NetworkError
from tally.base.cache_folder import cache_folder

_PINS: Final = Path(__file__).parents[2] / "requirements" / "foreign.txt"
_MEGABYTES: Final = 7


def packages() -> Path:
    """Return the folder that holds the packages' files; skips the test, with the reason, where they cannot be had."""
    folder, reason = _packages()
    if folder is None:
        pytest.skip(f"the foreign contracts cannot be downloaded: {reason}")
    return folder


@cache
def _packages() -> tuple[Path | None, str]:
    try:
        return pinned_wheel.ensure("Foreign-contracts", _PINS, _MEGABYTES, cache_folder(), print), ""
    except (NetworkError, StackError) as error:
        return None, str(error)
