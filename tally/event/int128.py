"""Columns of 128-bit values: exact arithmetic on (n, 16) big-endian bytes, without an object a value."""

from typing import Final

import numpy as np

from tally.event.decimals import UNSCALED_LIMIT
from tally.event.rows import Bytes16, Halves, Mask

_LIMIT_HI: Final = np.uint64(UNSCALED_LIMIT >> 64)
_LIMIT_LO: Final = np.uint64(UNSCALED_LIMIT & (1 << 64) - 1)
_SIGN_SHIFT: Final = np.uint64(63)


def halves(column: Bytes16) -> tuple[Halves, Halves]:
    """Return (hi, lo) of each value, shape (n,) each, in native byte order."""
    pairs = column.view(">u8")
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)


def from_halves(hi: Halves, lo: Halves) -> Bytes16:
    """Return the (n, 16) big-endian bytes of (hi, lo)."""
    pairs = np.empty((len(hi), 2), dtype=">u8")
    pairs[:, 0] = hi
    pairs[:, 1] = lo
    return pairs.view(np.uint8)


def added(a: tuple[Halves, Halves], b: tuple[Halves, Halves]) -> tuple[Halves, Halves]:
    """Return a + b as halves, modulo 2**128."""
    low = a[1] + b[1]
    carry = (low < a[1]).astype(np.uint64)
    return a[0] + b[0] + carry, low


def adds_up(a: tuple[Halves, Halves], b: tuple[Halves, Halves], total: tuple[Halves, Halves]) -> Mask:
    """Tell where total == a + b, modulo 2**128.

    For values that are all in range the answer is exact: |a + b - total| < 3 * 10**38 < 2**128.
    """
    high, low = added(a, b)
    right: Mask = (low == total[1]) & (high == total[0])
    return right


def in_range(value: tuple[Halves, Halves]) -> Mask:
    """Tell where |value| < 10**38, that is, where it fits decimal(38, s)."""
    hi, lo = value
    negative = hi >> _SIGN_SHIFT
    flip = np.uint64(0) - negative  # all ones below zero: ~x == -x - 1, so |x| < limit is ~x < limit - 1
    magnitude_hi = hi ^ flip
    below: Mask = magnitude_hi < _LIMIT_HI
    if not below.all():
        below |= (magnitude_hi == _LIMIT_HI) & ((lo ^ flip) < _LIMIT_LO - negative)
    return below


def exact_sum(column: Bytes16) -> int:
    """Return the sum of n < 2**31 values as a Python int of any size."""
    if len(column) == 0:
        return 0
    limbs = column.view(">u4").astype(np.uint64).sum(axis=0)
    unsigned = sum(int(limb) << shift for limb, shift in zip(limbs, (96, 64, 32, 0), strict=True))
    negatives = int(np.count_nonzero(column[:, 0] & 0x80))
    return unsigned - (negatives << 128)


def to_ints(column: Bytes16) -> list[int]:
    """Return each value as a Python int."""
    hi, lo = halves(column)
    signed = lo.view(np.int64)
    if (hi.view(np.int64) == signed >> 63).all():  # each fits 64 bits
        small: list[int] = signed.tolist()
        return small
    large: list[int] = ((hi.view(np.int64).astype(object) << 64) | lo.astype(object)).tolist()
    return large


def to_bytes(unscaled: int) -> bytes:
    """Return the 16 bytes of one value. Raises OverflowError outside int128."""
    return unscaled.to_bytes(16, "big", signed=True)


def from_bytes(value: bytes) -> int:
    """Return one value of its 16 bytes."""
    return int.from_bytes(value, "big", signed=True)
