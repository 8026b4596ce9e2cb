"""The data directory of a stack: what in it is Tally's, for its user only, and changed by one command at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.fetch.downloads import try_lock
from tally.base.written_file import for_owner_only
from tally.service.private import private_folder, tighten

OWN_FOLDERS: Final = ("kafka", "kafka.part", "registry", "producer", "consumer", "client", "observe", "log", "run")
"""What Tally writes below the data directory. Nothing else there is touched: it may be a folder with other things."""

_POLL_S: Final = 0.05
_TURN_DEADLINE_S: Final = 120.0


@contextmanager
def taken(data_dir: Path, run_dir: Path, until_s: float | None, say: Callable[[str], None]) -> Iterator[None]:
    """Take turns with other commands on a data directory, until ``until_s`` of the monotonic clock. Raises StackError.

    What an earlier version let others read is theirs no longer.
    """
    try:
        private_folder(run_dir)
        lock = open(run_dir / "lock", "ab", opener=for_owner_only)  # noqa: SIM115 - closed below
    except OSError as error:
        raise StackError(f"TALLY_DATA_DIR is {str(data_dir)!r}: {error.strerror}") from error
    deadline_s = until_s if until_s is not None else time.monotonic() + _TURN_DEADLINE_S
    with lock:
        told = False
        while not try_lock(lock):
            if time.monotonic() > deadline_s:
                raise StackError(f"another command has been starting or stopping the parts of {data_dir} for too long")
            if not told:
                say("waiting for another command that is starting or stopping parts of this stack")
                told = True
            time.sleep(_POLL_S)
        for folder in OWN_FOLDERS:
            tighten(data_dir / folder)
        yield
