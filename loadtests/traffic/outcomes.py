"""What became of each addition of a run, in a file: 40 bytes each, and a digest of constant size beside it.

Theory of operation. An addition is *in flight* from ``begin`` to ``settle`` and in memory only then, so memory is
bounded by what is in flight and not by what was sent. ``close`` settles the rest as UNKNOWN. The digest's fingerprint
is a sum of hashes, so it does not depend on the order; the verdict recomputes it, so a truncated file is detected.
"""

import json
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadtests.traffic.additions import DrawnAddition
from tally.base.written_file import write_file
from tally.event.decimals import text_of
from tally.event.partitions import mix

ENTRY_DTYPE: Final = np.dtype(
    [("hi", ">u8"), ("lo", ">u8"), ("sum_hi", ">u8"), ("sum_lo", ">u8"), ("outcome", "u1"), ("zeros", "V7")]
)
"""One entry. hi and lo are the id's halves; the sum is unscaled, 128 bits in two's complement."""

_ENTRY: Final = struct.Struct(">16s16sB7x")
_BUFFER_BYTES: Final = 1 << 20
_MASK: Final = (1 << 64) - 1

Entries = NDArray[np.void]


class Outcome(IntEnum):
    """What the caller may conclude. REFUSED: not committed, and never will be; UNKNOWN: anything may be true."""

    ACKED = 1
    REFUSED = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Digest:
    """A run's outcomes in constant size. ``acked_sum`` is exact, in text."""

    tag: str
    acked: int
    refused: int
    unknown: int
    acked_sum: str
    fingerprint: str


class OutcomeLog:
    """See the module's theory of operation. For one thread."""

    def __init__(self, path: Path, tag: bytes) -> None:
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._path = path
        self._tag = tag
        self._in_flight: dict[str, DrawnAddition] = {}
        self._counts = dict.fromkeys(Outcome, 0)
        self._acked_sum = 0
        self._fingerprint = 0

    def begin(self, addition: DrawnAddition) -> None:
        """Note that an addition is about to be sent."""
        self._in_flight[addition.request_id] = addition

    def settle(self, addition: DrawnAddition, outcome: Outcome) -> None:
        """Note what became of it."""
        del self._in_flight[addition.request_id]
        self._counts[outcome] += 1
        if outcome is Outcome.ACKED:
            self._acked_sum += addition.sum
            self._fingerprint = (self._fingerprint + fingerprint_of(addition.id_bytes)) & _MASK
        self._file.write(_ENTRY.pack(addition.id_bytes, addition.sum.to_bytes(16, "big", signed=True), outcome))

    def digest(self) -> Digest:
        """Return the digest of what was settled until now."""
        return Digest(
            tag=self._tag.hex(),
            acked=self._counts[Outcome.ACKED],
            refused=self._counts[Outcome.REFUSED],
            unknown=self._counts[Outcome.UNKNOWN],
            acked_sum=text_of(self._acked_sum),
            fingerprint=f"{self._fingerprint:016x}",
        )

    def close(self) -> Digest:
        """Settle the rest as unknown, end the file, write the digest beside it, and return it."""
        for addition in list(self._in_flight.values()):
            self.settle(addition, Outcome.UNKNOWN)
        self._file.close()
        digest = self.digest()
        write_file(self._path.with_suffix(".json"), json.dumps(asdict(digest), indent=2) + "\n")
        return digest


def fingerprint_of(request_id: bytes) -> int:
    """Return the hash of one id that a fingerprint adds up."""
    return mix(int.from_bytes(request_id[:8], "big") ^ mix(int.from_bytes(request_id[8:], "big")))
