"""Where generated code goes and what programs import it by: the options, ``codegen.yaml``, or ``generated/``.

::

    out: ../src/shop/generated    # from the contracts' folder
    package: shop.generated       # without it: the path of that folder from where codegen runs
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codegen.errors import ContractError
from codegen.package_names import checked_package, package_of
from codegen.yaml_file import mapping_of

FILE: Final = "codegen.yaml"
"""The file, in the contracts' folder. It may be missing."""

_DEFAULT_OUT: Final = "generated"
_KEYS: Final = ("out", "package")


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
        written = _read(contracts / FILE)
        folder = Path(os.path.normpath(contracts / written.get("out", _DEFAULT_OUT)))
        said = written.get("package")
    given = package or said
    return Output(folder, checked_package(given) if given else package_of(folder, Path.cwd()))


def _read(path: Path) -> dict[str, str]:
    """Return the keys of the file that are there. Raises ContractError."""
    content = f"with nothing but {' and '.join(_KEYS)}"
    tree = mapping_of(path, content)
    if not set(tree) <= set(_KEYS):
        raise ContractError(FILE, "", f"must be a mapping {content}")
    for name, value in tree.items():
        if not isinstance(value, str) or not value.strip():
            raise ContractError(FILE, name, f"is {value!r}; allowed is a text that is not empty")
    return tree
