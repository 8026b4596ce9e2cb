"""Tells whether a contracts folder is settled: lint, code, pages and lock agreed for exactly these bytes before."""

from pathlib import Path
from typing import Final

from codegen.package_names import package_of
from tally.base import stamp

CONTRACTS: Final = Path("contracts")
"""Where the contracts are when nothing else is said."""


def is_so(contracts: Path) -> bool:
    """Tell whether the folder was found right as it is. Raises CodegenError when Python cannot import from it."""
    return stamp.is_there(_key(contracts))


def remember(contracts: Path) -> None:
    """Remember that the folder is right as it is."""
    stamp.leave(_key(contracts))


def sentence(contracts: Path) -> str:
    """Return what a person is told then."""
    return f"{contracts}: nothing changed since lint, code, pages and lock last agreed"


def _key(contracts: Path) -> str:
    own = Path(__file__).parent
    package = package_of(contracts / "generated", Path.cwd())
    return stamp.key(
        [own, own.parent / "tally" / "base", own.parent / "tally" / "registry", contracts],
        "codegen gen",
        package,
        str(contracts),
    )
