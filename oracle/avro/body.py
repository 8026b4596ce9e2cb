"""The bytes of a record, read one value after the other; with fastavro's results, where it has one."""

from collections.abc import Sequence
from typing import Any

REST_BYTES = 2**63
"""More than any record has: the width of what takes all bytes that are left."""


class UndecodableError(Exception):
    """The bytes do not follow the schema."""


class Body:
    """The bytes of a record, and how far they are read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left_bytes(self) -> int:
        """The number of bytes that are not read yet."""
        return len(self.data) - self.at

    def number(self) -> int:
        """Return the varint that comes next, in zigzag coding. Raises UndecodableError.

        Bits beyond the 64th go where the shifts of a processor put them, as in fastavro.
        """
        bits, shift = 0, 0
        while True:
            if not self.left_bytes:
                raise UndecodableError("the bytes end within a number")
            byte = self.data[self.at]
            self.at += 1
            bits |= (byte % 128) << (shift % 64)
            shift += 7
            if byte < 128:
                half, is_negative = divmod(bits % 2**64, 2)
                return -half - 1 if is_negative else half

    def take(self, size: int) -> bytes:
        """Return the next bytes: fewer if the record ends before, and all that are left if the size is negative."""
        begin, self.at = self.at, min(self.at + (REST_BYTES if size < 0 else size), len(self.data))
        return self.data[begin : self.at]


def picked(branches: Sequence[Any], number: int) -> Any:
    """Return a branch or symbol by its number; a negative one counts from the end, as it does for fastavro.

    Raises UndecodableError.
    """
    if not -len(branches) <= number < len(branches):
        raise UndecodableError(f"there is no number {number} of {len(branches)}")
    return branches[number]
