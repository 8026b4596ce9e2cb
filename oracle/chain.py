"""The oracle's own digests and chain, from their description in docs/DESIGN.md; plain Python, one row at a time."""

import struct
from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b

from oracle.decoding import WORD, sixteen_of
from oracle.facts import CONFLICT, COUNTED, DUPLICATE, POISON, Row

WINDOW = 1024
KINDS = (COUNTED, DUPLICATE, CONFLICT, POISON)
REASONS = (
    "NONE",
    "FRAMING",
    "UNKNOWN_SCHEMA",
    "UNREADABLE_SCHEMA",
    "UNDECODABLE",
    "OUT_OF_RANGE",
    "WRONG_SUM",
    "WRONG_KEY",
    "WRONG_PARTITION",
)


def operands_digest(a: Decimal, b: Decimal) -> bytes:
    """Return the digest of two operands: two lanes of ``h = mix(h XOR word)`` over their four halves; 16 bytes."""
    words = struct.unpack(">4Q", sixteen_of(a) + sixteen_of(b))
    lanes = []
    for seed in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F):
        h = seed
        for word in words:
            h = _mix(h ^ word)
        lanes.append(h)
    return struct.pack(">2Q", *lanes)


def poison_digest(key: bytes | None, value: bytes | None) -> bytes:
    """Return BLAKE2b-128 over key and value, each after its length, or -1 in its place if it is absent; 16 bytes."""
    text = b"".join(b"\xff" * 8 if part is None else struct.pack(">Q", len(part)) + part for part in (key, value))
    return blake2b(text, digest_size=16).digest()


def canonical(row: Row) -> bytes:
    """Return the 98 bytes with which a row enters the chain."""
    head = struct.pack(">BBqq", KINDS.index(row.kind), REASONS.index(row.reason), row.offset, row.timestamp_us)
    return head + row.request_id + sixteen_of(row.a) + sixteen_of(row.b) + sixteen_of(row.sum) + row.digest


def chains_at(rows: Sequence[Row], next_offsets: Sequence[int]) -> list[bytes]:
    """Return the chain over all rows below each of ``next_offsets``, which must not decrease."""
    chains = []
    window, closed, opened = 0, bytes(16), blake2b(bytes(16), digest_size=16)
    position = 0
    for next_offset in next_offsets:
        while True:
            end = min(next_offset, (window + 1) * WINDOW)
            while position < len(rows) and rows[position].offset < end:
                opened.update(canonical(rows[position]))
                position += 1
            if end < (window + 1) * WINDOW:
                break
            window, closed = window + 1, opened.digest()
            opened = blake2b(closed, digest_size=16)
        chains.append(closed if next_offset % WINDOW == 0 else opened.digest())
    return chains


def _mix(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)
