"""Writing a file: whole or not at all, and never something else replaced by a file. All of Tally's own files go here.

What stands at the path decides, links followed:
nothing, or a regular file -> the content is written beside it, brought to the disk, and renamed over it at the end: a
reader sees the old file or the new one, and an error leaves the old one. A link stays a link; its target is replaced.
A pipe, a terminal, a device such as /dev/null, ``-`` (standard output) -> the content is written into it as it comes.
A directory, a socket, a disk -> refused.

The consumer's ledgers have a port of their own, tally/ledger/storage/disk.py.
"""

import errno
import os
import re
import secrets
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

STANDARD_OUTPUT: Final = Path("-")
PART_PATTERN: Final = ".tally-*.part"
"""What is found of a file that a process was killed over."""

_READER_WAIT_S: Final = 60.0
_READER_PAUSE_S: Final = 0.05
_LINKS_MAX: Final = 40
_DESCRIPTORS = re.compile(r"/proc/(\d+)(?:/task/\d+)?/fd")


class WrittenFile:
    """A file that is being written: ``file`` takes bytes until ``keep`` or ``discard``.

    As a context it keeps the file, or discards it after an error. Raises OSError, also from ``keep``; its filename is
    the path.
    """

    file: BinaryIO

    def __init__(
        self,
        path: Path,
        *,
        private: bool = False,
        special: bool = True,
        durable: bool = True,
        reader_wait_s: float = _READER_WAIT_S,
    ) -> None:
        """Open it. ``private``: a new file is for its owner only; one that is replaced keeps its mode and owner.

        ``special=False`` refuses all that is no regular file. ``durable=False`` leaves it to the system when the disk
        gets it. A pipe is waited for until somebody reads it, ``reader_wait_s`` at most.
        """
        self.path = path
        self._durable = durable
        self._part: Path | None = None
        if special and path == STANDARD_OUTPUT:
            self.file = sys.stdout.buffer
            return
        # Its folder may be one behind links, but only a link of its own leads elsewhere.
        target = os.path.realpath(path) if os.path.islink(path) else os.path.join(os.getcwd(), path)
        found = _found(path, target)
        if found is None or (stat.S_ISREG(found.st_mode) and own_descriptor(path) is None):
            self._target = Path(target)
            self._part, self.file = _beside(self._target, path, found, private=private)
        else:
            self.file = _into(path, found, special, reader_wait_s)

    @property
    def streams(self) -> bool:
        """Tell whether what is written is gone at once: there is nothing to discard."""
        return self._part is None

    def keep(self) -> None:
        """End the file and give it its name."""
        try:
            self.file.flush()
            if self._part is None:
                self._close()
                return
            if self._durable:
                os.fsync(self.file.fileno())
            self.file.close()
            os.replace(self._part, self._target)
            if self._durable:
                sync_directory(self._target.parent)
        except OSError as error:
            self.discard()
            raise _named(error, self.path) from error
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """End it without a trace; what was there before stays. What went into a pipe or a device stays there."""
        with suppress(OSError):  # of a full disk it is known already
            self._close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        if self.file is not getattr(sys.stdout, "buffer", None):
            self.file.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the file, or discard it after an error."""
        if error is None:
            self.keep()
            return
        self.discard()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(self.path)


def write_file(
    path: Path, content: str | bytes, *, private: bool = False, special: bool = False, durable: bool = True
) -> None:
    """Write a file as ``WrittenFile`` does; text as UTF-8. Raises OSError."""
    with WrittenFile(path, private=private, special=special, durable=durable) as written:
        written.file.write(content.encode("utf-8") if isinstance(content, str) else content)


def for_owner_only(path: str, flags: int) -> int:
    """Open a file as ``opener`` of ``open``: one that is made is for its owner only. Raises OSError."""
    return os.open(path, flags, 0o600)


def _found(path: Path, target: str) -> os.stat_result | None:
    """Return what the path leads to, at ``target``; None for nothing. Raises OSError when a file cannot be there."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        folder = os.path.dirname(target)
        if not os.path.isdir(folder):
            raise _error(errno.ENOENT, f"there is no folder {folder}", path) from None
        return None
    if stat.S_ISDIR(found.st_mode):
        raise _error(errno.EISDIR, "is a directory; give the name of a file", path)
    if stat.S_ISSOCK(found.st_mode) or stat.S_ISBLK(found.st_mode):
        what = "a socket" if stat.S_ISSOCK(found.st_mode) else "a disk"
        raise _error(errno.EINVAL, f"is {what}; give the name of a file", path)
    return found


def own_descriptor(path: Path) -> int | None:
    """Return the number behind /dev/stdout, /dev/fd/3 and the like: it is open, and its file must not be replaced."""
    for _ in range(_LINKS_MAX):
        folder = _DESCRIPTORS.fullmatch(os.path.realpath(path.parent))
        if folder and path.name.isdigit() and int(folder[1]) == os.getpid():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


def _beside(target: Path, path: Path, found: os.stat_result | None, *, private: bool) -> tuple[Path, BinaryIO]:
    """Open a new file in the target's folder, with the mode and, as far as allowed, the owner of the one there."""
    part = target.parent / PART_PATTERN.replace("*", secrets.token_hex(8))
    try:
        if found is not None and not os.access(target, os.W_OK):
            raise _error(errno.EACCES, os.strerror(errno.EACCES), path)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666)
    except PermissionError as error:
        what = "the file" if os.access(target.parent, os.W_OK) else f"its folder {target.parent}"
        raise _error(error.errno or errno.EACCES, f"{what} cannot be written to", path) from None
    except OSError as error:
        raise _named(error, path) from None
    file = os.fdopen(descriptor, "wb")
    if found is not None:
        with suppress(PermissionError):
            if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, found.st_uid, found.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
    return part, file


def _into(path: Path, found: os.stat_result, special: bool, reader_wait_s: float) -> BinaryIO:
    """Open what is no regular file, or is open already."""
    if not special:
        raise _error(errno.EINVAL, "is not a regular file, and this one must be", path)
    try:
        own = own_descriptor(path)
        if own is not None:
            return os.fdopen(os.dup(own), "wb")
        if stat.S_ISFIFO(found.st_mode):
            return os.fdopen(_open_pipe(path, reader_wait_s), "wb")
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC), "wb")
    except OSError as error:
        raise _named(error, path) from None


def _open_pipe(path: Path, wait_s: float) -> int:
    """Open a pipe for writing once somebody reads it."""
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        else:
            os.set_blocking(descriptor, True)
            return descriptor
        if time.monotonic() > deadline_s:
            raise _error(errno.ENXIO, f"nothing has read from this pipe for {wait_s:g} s", path)
        time.sleep(_READER_PAUSE_S)


def sync_directory(folder: Path) -> None:
    """Bring the names in a folder to the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _error(number: int, text: str, path: Path) -> OSError:
    return OSError(number, text, str(path))


def _named(error: OSError, path: Path) -> OSError:
    """Return the error of the file that the caller knows, not of the one beside it."""
    return OSError(error.errno, error.strerror, str(path))
