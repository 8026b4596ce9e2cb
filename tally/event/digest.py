"""Digests in ledger rows: a fast mix of the operands, and BLAKE2b of what could not be decoded.

Operands: the four 64-bit halves w = (a.hi, a.lo, b.hi, b.lo) go through two lanes that start at different constants:
``h = seed; for each w: h = mix(h XOR w)``, with mix the finalizer of splitmix64. The digest is lane 1 then lane 2,
big-endian. It tells a DUPLICATE from a CONFLICT: equal operands always have equal digests, and other operands equal
ones with a chance of 2**-128. It is no cryptographic hash; FOLD_VERSION pins it.

Poison: BLAKE2b-128 of key and value, each after its length in 8 bytes big-endian, or after 8 bytes 0xFF when absent.
"""

import hashlib
from typing import Final

import numpy as np

from tally.event.int128 import from_halves
from tally.event.partitions import mix_column
from tally.event.rows import Bytes16, Halves

DIGEST_BYTES: Final = 16
_SEEDS: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_ABSENT: Final = b"\xff" * 8


def operand_halves(a: tuple[Halves, Halves], b: tuple[Halves, Halves]) -> tuple[Halves, Halves]:
    """Return (hi, lo) of the operands' digests, shape (n,) each."""
    lanes = []
    for seed in _SEEDS:
        h = mix_column(a[0] ^ seed)
        for word in (a[1], b[0], b[1]):
            h = mix_column(h ^ word)
        lanes.append(h)
    return lanes[0], lanes[1]


def operands(a: tuple[Halves, Halves], b: tuple[Halves, Halves]) -> Bytes16:
    """Return the digests of operands given as halves, shape (n, 16)."""
    return from_halves(*operand_halves(a, b))


def undecoded(key: bytes | None, value: bytes | None) -> bytes:
    """Return the 16-byte digest of a record's raw key and value."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (key, value):
        if part is None:
            digest.update(_ABSENT)
        else:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.digest()
