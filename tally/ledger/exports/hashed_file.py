"""A file whose SHA-256 is known when it is written."""

import hashlib
import io
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class HashedFile(io.RawIOBase):
    """A file that is only written to; it knows its size and SHA-256 without being read again."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of it. Raises OSError."""
        written = self._file.write(data)
        self._digest.update(data)
        self.size_bytes += written
        return written

    def tell(self) -> int:
        """Return the position."""
        return self.size_bytes

    @property
    def sha256(self) -> str:
        """Of all that was written, in hex."""
        return self._digest.hexdigest()
