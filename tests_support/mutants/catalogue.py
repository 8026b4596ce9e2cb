"""The list of mutants, read from `catalogue.toml` and checked against the tree."""

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("catalogue.toml")


class StaleMutantError(Exception):
    """A mutant no longer fits the code that it is meant to break; the message names it and what to do."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one file, the invariant that it breaks, and the test that must fail because of it.

    ``killer`` is a test's id for pytest: a file, a function, or one case of a function.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    killer: str

    def applied_to(self, text: str) -> str:
        """Return the file's text with the change. Raises StaleMutantError when it does not fit."""
        found = text.count(self.old)
        if found != 1:
            raise StaleMutantError(
                f"mutant {self.name!r}: its old text stands {found} times in {self.file}, it must stand there once. "
                f"Write the mutant anew in {PATH.name} so that it breaks the same thing in the code of today."
            )
        changed = text.replace(self.old, self.new)
        ast.parse(changed, self.file)
        return changed

    @property
    def killer_path(self) -> str:
        """The file of the test."""
        return self.killer.partition("::")[0]

    @property
    def killer_function(self) -> str:
        """The name of the test's function, or nothing when the whole file is meant."""
        return self.killer.partition("::")[2].partition("[")[0]


def catalogue(path: Path = PATH) -> tuple[Mutant, ...]:
    """Return all mutants, in the order of the file."""
    with path.open("rb") as file:
        return tuple(Mutant(**fields) for fields in tomllib.load(file)["mutant"])
