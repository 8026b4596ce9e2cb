"""Protobuf files of the contracts that an installed package brings as well, as ``buf export`` leaves them.

The package's file is used, since its Python module comes with it, and a program has one of each. So lint says of each
copy which package that is, and where the two do not mean the same.
"""

from collections.abc import Iterator
from typing import Final

from codegen.errors import ContractError
from codegen.proto import compiler as proto_compiler
from codegen.proto import diff as proto_diff
from codegen.tree import Contracts

_SHOWN_MAX: Final = 3


def copy_findings(contracts: Contracts) -> Iterator[ContractError]:
    """Yield a note for each copy: whose file is used instead, and what the copy has that this one has not."""
    texts = {name: (contracts.proto_dir / name).read_text("utf-8", "replace") for name in contracts.copies}
    proto_compiler.prepare([(each, name) for name in texts for each in ({}, texts)])
    for name in contracts.copies:
        package = proto_compiler.installed_by(name) or "an installed package"
        problem = f"this copy is not used: {package} has the file, and its Python module"
        if words := _differences(name, texts):
            more = f" and {len(words) - _SHOWN_MAX} more" if words[_SHOWN_MAX:] else ""
            problem += (
                f". The copy says something else ({'; '.join(words[:_SHOWN_MAX])}{more}): install the version of the "
                "package that you want, and delete the copy"
            )
        yield ContractError(f"proto/{name}", "", problem, rule="copy", severity="note")


def _differences(name: str, texts: dict[str, str]) -> list[str]:
    """Return in words what a copy has otherwise than the package's file, whose text there must be."""
    if not proto_compiler.installed_by(name):
        return []
    try:
        used, copy = (proto_compiler.descriptors_of(each, name) for each in ({}, texts))
    except ContractError as error:
        return [f"it does not compile: {error.problem.splitlines()[0]}"]
    return list(proto_diff.words(name, used, copy))
