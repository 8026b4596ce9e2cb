"""A process that may open nothing more for a while."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_NONE: Final = 3
"""As many as every process has from its start."""


def no_limits() -> str:
    """Return why another process's descriptors cannot be limited here, or nothing."""
    return "" if hasattr(resource, "prlimit") else "this system cannot limit another process's descriptors (prlimit)"


@contextmanager
def without_descriptors(pid: int) -> Iterator[None]:
    """Let a process open nothing more until the end of the block."""
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (_NONE, usual[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # one that ended by it needs nothing back
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
