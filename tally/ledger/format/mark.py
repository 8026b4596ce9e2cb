"""The MARK: the row that closes a block, with the state after it."""

from dataclasses import asdict, dataclass
from typing import Final

from tally.base import varint
from tally.event import codes
from tally.event.decimals import text_of, value_of
from tally.ledger.state.chain import CHAIN_BYTES
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState

CRC_BYTES: Final = 4
_COLUMNS_BYTES: Final = 64
_DIGEST_BYTES: Final = 16


@dataclass(frozen=True)
class Mark:
    """``chain`` is 16 bytes."""

    next_offset: int
    last_timestamp_us: int
    counts: Counts
    chain: bytes


def mark_of(state: LedgerState) -> Mark:
    """Return what a MARK says of a state."""
    return Mark(state.next_offset, state.last_timestamp_us, state.counts, state.chain.value)


def figures_in(mark: Mark) -> dict[str, int | bytes]:
    """Return everything that a MARK states, by name, in the order in which it is written."""
    own = {"next_offset": mark.next_offset, "last_timestamp_us": mark.last_timestamp_us}
    return {**own, **asdict(mark.counts), "chain": mark.chain}


def encode_mark(mark: Mark) -> bytes:
    """Return the row in Avro, its CRC zero: the last four bytes."""
    counts = mark.counts
    total = text_of(counts.total).encode()
    return b"".join(
        (
            varint.encode(codes.MARK),
            varint.encode(mark.next_offset),
            bytes(_COLUMNS_BYTES),
            varint.encode(mark.last_timestamp_us),
            bytes(_DIGEST_BYTES),
            varint.encode(codes.NONE),
            *map(varint.encode, (counts.counted, counts.duplicates, counts.conflicts, counts.poison)),
            varint.encode(len(total)),
            total,
            varint.encode(len(mark.chain)),
            mark.chain,
            bytes(CRC_BYTES),
        )
    )


def decode_mark(data: bytes) -> Mark:
    """Return the MARK of exactly these bytes. Raises ValueError or IndexError when they are none."""
    kind, at = varint.decode(data, 0)
    if kind != codes.MARK:
        raise ValueError("the last row of the block is not a MARK")
    following, at = varint.decode(data, at)
    at += _COLUMNS_BYTES
    timestamp, at = varint.decode(data, at)
    at += _DIGEST_BYTES
    _, at = varint.decode(data, at)
    counted, at = varint.decode(data, at)
    duplicates, at = varint.decode(data, at)
    conflicts, at = varint.decode(data, at)
    poison, at = varint.decode(data, at)
    total, at = _sized(data, at)
    chain, at = _sized(data, at)
    if len(chain) != CHAIN_BYTES or at + CRC_BYTES != len(data):
        raise ValueError("the MARK has a wrong length")
    counts = Counts(counted, duplicates, conflicts, poison, unscaled_of(total.decode()))
    return Mark(following, timestamp, counts, chain)


def unscaled_of(text: str) -> int:
    """Return the unscaled value of ``text_of``'s text, of any size. Raises ValueError for another text."""
    unscaled = value_of(text)
    if text_of(unscaled) != text:
        raise ValueError(f"{text[:80]!r} is not a canonical decimal")
    return unscaled


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = varint.decode(data, at)
    if not 0 <= length <= len(data) - at:
        raise ValueError(f"a length of {length} with {len(data) - at} bytes left")
    return data[at : at + length], at + length
