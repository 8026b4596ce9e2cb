"""Remembers for which bytes of a contracts folder lint, code, pages and lock agreed, so that nothing runs twice."""

from pathlib import Path
from typing import Final

from codegen.errors import CodegenError
from codegen.output import output_of
from tally.base import stamp

CONTRACTS: Final = Path("contracts")
"""Where the contracts are when nothing else is said."""


def is_so(contracts: Path) -> bool:
    """Tell whether the folder was found right as it is."""
    try:
        return stamp.is_there(_key(contracts))
    except CodegenError:  # told by the work itself
        return False


def remember(contracts: Path) -> None:
    """Remember that the folder is right as it is. Raises CodegenError when codegen.yaml is wrong."""
    stamp.leave(_key(contracts))


def sentence(contracts: Path) -> str:
    """Return what a person is told then."""
    return f"{contracts}: nothing changed since lint, code, pages and lock last agreed"


def _key(contracts: Path) -> str:
    own = Path(__file__).parent
    output = output_of(contracts)
    return stamp.key(
        [own, own.parent / "tally" / "base", own.parent / "tally" / "registry", contracts, output.folder],
        "codegen gen",
        output.package,
        str(contracts),
    )
