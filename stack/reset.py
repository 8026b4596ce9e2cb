"""Deleting a stack's data: only what Tally wrote, only while nothing runs, only after a clear yes."""

import shutil
import sys
from collections.abc import Callable

from stack.data_folder import OWN_FOLDERS
from stack.errors import StackError
from stack.system import Stack, engines_of
from tally.base.hints import hint


def delete_data(stack: Stack, *, ask: bool, read_line: Callable[[str], str] = input) -> bool:
    """Delete a stack's data and tell whether it was done. Raises StackError while a part runs."""
    running = [*stack.running(), *engines_of(stack).running()]
    if running:
        raise StackError(f"still running: {', '.join(running)}; run `{hint('down')}` first, then delete the data")
    there = [folder for name in OWN_FOLDERS if (folder := stack.data_dir / name).exists()]
    if not there:
        print(f"{stack.data_dir} holds no Tally data")
        return True
    if ask and not _agreed(f"Delete {', '.join(each.name for each in there)} in {stack.data_dir}? [y/N] ", read_line):
        print("nothing was deleted")
        return False
    for folder in there:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise StackError(f"{folder} could not be deleted: {error.strerror}") from error
    print(f"deleted from {stack.data_dir}: {', '.join(each.name for each in there)}")
    return True


def _agreed(question: str, read_line: Callable[[str], str]) -> bool:
    if not sys.stdin.isatty():
        raise StackError(
            f"reset asks before it deletes, and there is no terminal to answer on: use `{hint('reset --yes')}`"
        )
    return read_line(question).strip().lower() in ("y", "yes")
