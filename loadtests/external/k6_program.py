"""The user's own k6: where it is, what it says of itself, and which profiles it can run.

k6 is a program of the user's, found on PATH or named by TALLY_K6; this project neither brings nor builds it.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.errors import UsageError
from loadtests.traffic.profiles import Profile, profile_called
from tally.base.hints import hint

EXTENSION: Final = "k6/x/tally"
_VERSION_S: Final = 60.0


@dataclass(frozen=True)
class K6:
    """The user's k6: its program and what ``k6 version`` says."""

    program: str
    version: str

    @classmethod
    def at(cls, program: str | Path) -> "K6":
        """Return a k6 with what it says of itself. Raises OSError and subprocess.SubprocessError."""
        done = subprocess.run(
            [program, "version"], capture_output=True, text=True, timeout=_VERSION_S, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return cls(str(program), done.stdout.strip())

    @property
    def has_extension(self) -> bool:
        """Tell whether it was built with the project's extension."""
        return EXTENSION in self.version


def k6_for(name: str, environ: Mapping[str, str]) -> tuple[K6, Profile]:
    """Return the user's k6 and the profile that it can run. Raises UsageError."""
    profile = profile_called(name)
    k6 = _found(name, environ)
    if profile.topic and not k6.has_extension:
        raise UsageError(
            f"{name} reads Kafka, and {k6.program} lacks the extension {EXTENSION}: build a k6 that has it "
            f"with `{hint('k6')}`, or run `{hint(f'load {name}')}`, which needs none"
        )
    return k6, profile


def _found(name: str, environ: Mapping[str, str]) -> K6:
    chosen = environ.get("TALLY_K6")
    program = shutil.which(chosen or "k6")
    if program is None and chosen:
        raise UsageError(f"TALLY_K6 is {chosen!r}, which cannot be run: set it to the path of a k6, or unset it")
    if program is None:
        raise UsageError(
            "There is no k6 on PATH: install version 2 (https://grafana.com/docs/k6/latest/set-up/install-k6/), "
            "or set TALLY_K6 to its path.\n"
            f"`{hint(f'load {name}')}` runs the same profile now, and needs no k6."
        )
    try:
        return K6.at(program)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"`{program} version` does not work ({error}): set TALLY_K6 to the path of a k6") from error
