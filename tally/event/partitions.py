"""The partition of a request id: ``mix(hi XOR rotl64(lo, 32)) mod N``.

hi and lo are the UUID's big-endian halves and mix is the finalizer of splitmix64 (Steele, Lea and Flood,
"Fast splittable pseudorandom number generators", OOPSLA 2014, with Stafford's variant 13 of the constants).
It is part of the contract: ``contracts/examples/partitions.json`` holds test vectors for other languages.
"""

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_M1 = 0xBF58476D1CE4E5B9
_M2 = 0x94D049BB133111EB


def mix(x: int) -> int:
    """Return the splitmix64 finalizer of a 64-bit value."""
    x = ((x ^ (x >> 30)) * _M1) & _MASK
    x = ((x ^ (x >> 27)) * _M2) & _MASK
    return x ^ (x >> 31)


def partition_of(request_id: bytes, partitions: int) -> int:
    """Return the partition of an id of 16 bytes."""
    hi = int.from_bytes(request_id[:8], "big")
    lo = int.from_bytes(request_id[8:], "big")
    rotated = ((lo << 32) | (lo >> 32)) & _MASK
    return mix(hi ^ rotated) % partitions


def mix_column(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return ``mix`` of each element of shape (n,)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_M1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_M2)
    return x ^ (x >> np.uint64(31))


def partition_column(hi: NDArray[np.uint64], lo: NDArray[np.uint64], partitions: int) -> NDArray[np.uint64]:
    """Return ``partition_of`` of each id, given as halves of shape (n,) in native byte order."""
    rotated = (lo << np.uint64(32)) | (lo >> np.uint64(32))
    return mix_column(hi ^ rotated) % np.uint64(partitions)
