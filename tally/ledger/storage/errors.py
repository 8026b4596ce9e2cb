"""What can go wrong with a ledger's files while they are in use."""

from typing import Final

FULL_CURE: Final = "Make room on that disk, or let the process open more files; it goes on by itself then."


class LedgerFull(Exception):  # noqa: N818 - names what is, not that it is an error
    """No room (or no file descriptor) for a block. Nothing was appended and the file ends with its last good block:
    pause, and append the same rows again later."""


class LedgerFailed(Exception):  # noqa: N818 - names what is, not that it is an error
    """The disk failed a write. End the process at once: what is on the disk is found out by the next start."""


class LedgerSyncFailed(LedgerFailed):
    """An fsync failed. It must never be tried again: the page cache may hold pages that never reach the disk."""


class LedgerDamaged(Exception):  # noqa: N818 - names what is, not that it is an error
    """A block that was good when the ledger was opened cannot be read now; the message names file and position."""


class ReplicaDirectoryLocked(Exception):  # noqa: N818 - names what is, not that it is an error
    """Another process uses the replica's directory; the message names it and its pid."""
