"""A file to be read twice, once for its content's hash and once for its records, whatever it is.

A regular file is read where it is. What can be read only once, a pipe or standard input (``-``), is first copied into a
file without a name, which goes with the process. What gzip or zstd packed, judged by its first bytes and not by its
name, is unpacked on the way: hash, line numbers and so request ids are those of the content, packed or not.
"""

import gzip
import hashlib
import io
import os
import stat
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, Self

from tally.base.written_file import own_descriptor
from tally.cli.loading.csv_source import CsvSourceError
from tally.service.private import private_folder

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

__all__ = ["STANDARD_INPUT", "CsvInput", "zstd"]

STANDARD_INPUT: Final = Path("-")
_CHUNK_BYTES: Final = 1 << 20
_PACKINGS: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_ZSTD_OPTIONS: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 27}
"""128 MiB of memory at most, what the command zstd takes without being asked for more."""
_WRITER_WAIT_S: Final = 60.0
_WRITER_PAUSE_S: Final = 0.05


class CsvInput:
    """An input that is open; ``with`` closes it. Raises OSError and CsvSourceError, also where its content is read."""

    def __init__(self, path: Path, spool_folder: Path, *, writer_wait_s: float = _WRITER_WAIT_S) -> None:
        """Open it. What can be read only once is copied into ``spool_folder``, which is made for it.

        A pipe that nobody writes into is waited for, ``writer_wait_s`` at most.
        """
        self.path = path
        self.has_a_name = path != STANDARD_INPUT and path.is_file()
        """The path leads to the content at any time: it is no pipe."""
        self._file = path.open("rb") if self.has_a_name else _copied(path, spool_folder, writer_wait_s)
        try:
            first = self._file.read(max(map(len, _PACKINGS)))
            self.packing = next((name for magic, name in _PACKINGS.items() if first.startswith(magic)), None)
            self.sha256, self.size_bytes = self._measured()
        except BaseException:
            self._file.close()
            raise

    def content(self) -> BinaryIO:
        """Return the content, to be read from its beginning. Only the last one that was returned may be used."""
        self._file.seek(0)
        return self._file if self.packing is None else io.BufferedReader(_Unpacked(self._file, self.packing, self.path))

    def beside(self, suffix: str) -> Path:
        """Return a path beside the input; in the current folder for one that is in none, as standard input."""
        if self.path == STANDARD_INPUT or own_descriptor(self.path) is not None:
            return Path(f"stdin{suffix}")
        return self.path.with_name(f"{self.path.name}{suffix}")

    def _measured(self) -> tuple[str, int]:
        digest, size_bytes, content = hashlib.sha256(), 0, self.content()
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
        return digest.hexdigest(), size_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a copy is gone."""
        self._file.close()


class _Unpacked(io.RawIOBase):
    """What was packed; an error of the packing is a CsvSourceError."""

    def __init__(self, file: BinaryIO, packing: str, path: Path) -> None:
        self._packing = packing
        self._inner = (
            gzip.GzipFile(fileobj=file, mode="rb") if packing == "gzip" else zstd.ZstdFile(file, options=_ZSTD_OPTIONS)
        )
        self._read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # BufferedReader gives these
        try:
            data = self._inner.read(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
            raise CsvSourceError(
                f"the {self._packing} data is damaged or cut off after {self._read_bytes:,} bytes of content: {error}"
            ) from None
        buffer[: len(data)] = data
        self._read_bytes += len(data)
        return len(data)


class _Readable(Protocol):
    """What a copy is made of."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class _Pipe:
    """A named pipe. Its writer is waited for a while; how long they take to write is theirs."""

    def __init__(self, path: Path, writer_wait_s: float) -> None:
        self._path, self._wait_s = path, writer_wait_s
        self._deadline_s = time.monotonic() + writer_wait_s
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def read(self, size: int, /) -> bytes:
        """Return what is there, b"" at the end."""
        while True:
            try:
                data = os.read(self._descriptor, size)
            except BlockingIOError:  # there is a writer, who has written nothing yet
                os.set_blocking(self._descriptor, True)
                continue
            if data or os.get_blocking(self._descriptor):
                os.set_blocking(self._descriptor, True)
                return data
            if time.monotonic() > self._deadline_s:
                raise OSError(0, f"nothing was written to this pipe for {self._wait_s:g} s", str(self._path))
            time.sleep(_WRITER_PAUSE_S)

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


def _copied(path: Path, folder: Path, writer_wait_s: float) -> BinaryIO:
    """Return a copy of what can be read once. Raises OSError, also for what is no input."""
    source = _opened(path, writer_wait_s)
    try:
        private_folder(folder)
        copy = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the caller closes it
        try:
            while chunk := source.read(_CHUNK_BYTES):
                copy.write(chunk)
            copy.flush()
        except OSError as error:
            copy.close()
            if error.filename is None:
                error = OSError(error.errno, f"{error.strerror} (copying it into {folder})", str(path))
            raise error from None
    finally:
        if path != STANDARD_INPUT:
            source.close()
    copy.seek(0)
    return copy


def _opened(path: Path, writer_wait_s: float) -> "_Readable":
    if path == STANDARD_INPUT:
        return sys.stdin.buffer
    own = own_descriptor(path)
    if own is not None:
        return os.fdopen(os.dup(own), "rb")
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode):
        return _Pipe(path, writer_wait_s)
    if stat.S_ISCHR(mode):
        file = path.open("rb")
        if file.isatty():
            return file
        file.close()
    what = "a directory" if stat.S_ISDIR(mode) else "a device or a socket"
    raise OSError(0, f"is {what}; give a file, a pipe, or - for standard input", str(path))
