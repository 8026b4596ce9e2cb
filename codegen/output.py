"""Where generated code goes and what programs import it by: the options, ``codegen.yaml``, or ``generated/``."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codegen.package_names import checked_package, package_of
from codegen.project import project_of

_DEFAULT_OUT: Final = "generated"


@dataclass(frozen=True, slots=True)
class Output:
    """The folder of the generated code, and its dotted name."""

    folder: Path
    package: str


def output_of(contracts: Path, out: Path | None = None, package: str | None = None) -> Output:
    """Return where the code of a contracts folder goes; what is given as an option wins. Raises CodegenError.

    ``codegen.yaml`` names the package of its own ``out`` only: code that goes elsewhere is named by where it is.
    """
    if out is not None:
        folder, said = out, None
    else:
        written = project_of(contracts)
        folder, said = Path(os.path.normpath(contracts / (written.out or _DEFAULT_OUT))), written.package
    given = package or said
    return Output(folder, checked_package(given) if given else package_of(folder, Path.cwd()))
