"""What `lint`, `generate` and `docs` do, and `gen` one after the other; each says what it did by a function."""

from collections.abc import Callable
from pathlib import Path

from codegen import tree
from codegen.commands.lint import LintFinding
from codegen.errors import CodegenError
from codegen.generate import generated_files
from codegen.import_test import require_imports
from codegen.output import output_of
from codegen.pages import site as pages
from codegen.plan import lock as locks
from codegen.plan.wanted import wanted as wanted_of
from codegen.tree import Contracts

Say = Callable[[str], object]


def tell_findings(found: list[LintFinding], contracts: Path, say: Say) -> None:
    """Say findings. Raises CodegenError when there are any."""
    for one in found:
        say(str(one))
    if found:
        raise CodegenError(f"{len(found)} findings in {contracts}")
    say(f"{contracts}: no findings")


def write_code(found: Contracts, out: Path | None, package: str | None, say: Say) -> dict[str, str]:
    """Generate, import, write; return the files. Raises CodegenError."""
    output = output_of(found.root, out, package)
    folder = output.folder
    files = generated_files(found, output.package)
    if tree.differences(files, tree.files_of(folder)):
        require_imports(files, output.package)
    changed = tree.replace(folder, files)
    # Code that goes elsewhere is not this folder's: the lock stays what it is.
    if out is None and locks.save(found.root, locks.current(locks.load(found.root), wanted_of(found), files)):
        changed.append(f"{locks.FILE} differs")
    for change in changed:
        say(change)
    say(f"{len(files)} files in {folder}, {len(changed) or 'none'} changed")
    return files


def write_pages(found: Contracts, folder: Path, say: Say) -> None:
    """Write the pages. Raises CodegenError."""
    made = pages.pages(found, locks.load(found.root))
    changed = tree.replace(folder, made)
    say(f"{len(made)} pages in {folder}, {len(changed) or 'none'} changed")
