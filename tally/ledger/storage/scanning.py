"""Walking through a segment file: its header, its blocks one by one, and whether a bad one is torn or rotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tally.ledger.format.block import FRAMING_BYTES_MAX, SYNC_BYTES, BadBlock, Block, block_bytes, decode_block
from tally.ledger.format.header import HEADER_BYTES_MAX, BadHeader, Header, OtherFormat, decode_header
from tally.ledger.storage.disk import Disk, File

SUFFIX: Final = ".avro"
TEMPORARY_SUFFIX: Final = ".avro.tmp"
QUARANTINE_MARK: Final = ".avro.quarantined-"
_DIGITS: Final = 20
_CHUNK_BYTES: Final = 1024 * 1024
_HEADER_GUESS_BYTES: Final = 16 * 1024


@dataclass(frozen=True)
class ScannedBlock:
    """A block, or what stands in its place, and where. Nothing comes after a BadBlock."""

    position: int
    end: int
    block: Block | BadBlock


def segment_name(first_offset: int) -> str:
    """Return the file name of the segment that begins at a next offset."""
    return f"{first_offset:0{_DIGITS}d}{SUFFIX}"


def first_offset_of(name: str) -> int | None:
    """Return the offset in a segment's file name, or None when it is no segment's."""
    digits = name.removesuffix(SUFFIX)
    return int(digits) if name.endswith(SUFFIX) and len(digits) == _DIGITS and digits.isdecimal() else None


def segment_paths(disk: Disk, directory: Path) -> list[Path]:
    """Return the segments of a ledger in order."""
    return [directory / name for name in sorted(disk.names(directory)) if first_offset_of(name) is not None]


def read_header(file: File, path: Path) -> Header | OtherFormat | BadHeader:
    """Return a segment's header; one under another segment's name is bad."""
    header = decode_header(file.read(0, _HEADER_GUESS_BYTES))
    if isinstance(header, BadHeader) and file.size() > _HEADER_GUESS_BYTES:
        header = decode_header(file.read(0, HEADER_BYTES_MAX))
    if isinstance(header, Header) and header.opening.next_offset != first_offset_of(path.name):
        return BadHeader(f"its header says that it begins at offset {header.opening.next_offset}")
    return header


def walk(file: File, start: int, end: int, sync: bytes) -> Iterator[ScannedBlock]:
    """Yield the blocks in [start, end), each read with its CRC checked; a BadBlock ends it."""
    buffer, base, at = b"", start, start
    while at < end:
        head = buffer[at - base : at - base + FRAMING_BYTES_MAX]
        if len(head) < min(FRAMING_BYTES_MAX, end - at):
            buffer, base = file.read(at, min(_CHUNK_BYTES, end - at)), at
            head = buffer[:FRAMING_BYTES_MAX]
        length = block_bytes(head)
        if isinstance(length, BadBlock):
            yield ScannedBlock(at, end, length)
            return
        if length > end - at:
            yield ScannedBlock(at, end, BadBlock(f"it has {end - at} of {length} bytes"))
            return
        if len(buffer) - (at - base) < length:
            buffer, base = file.read(at, min(max(length, _CHUNK_BYTES), end - at)), at
        block = decode_block(buffer[at - base : at - base + length], sync)
        yield ScannedBlock(at, at + length, block)
        if isinstance(block, BadBlock):
            return
        at += length


def is_rot(file: File, position: int, end: int, sync: bytes) -> bool:
    """Tell whether a bad block is damage to what was fsynced, rather than the torn tail of an append.

    Every append is fsynced before the next begins, so a torn one's bytes are the last of the file. Rot it is, then,
    when a sync marker stands anywhere but at the end, or a good block follows where the bad one's framing ends.
    """
    length = block_bytes(file.read(position, FRAMING_BYTES_MAX))
    if isinstance(length, int) and position + length < end:
        following = next(walk(file, position + length, end, sync))
        if isinstance(following.block, Block):
            return True
    at = position
    while at < end:
        chunk = file.read(at, min(_CHUNK_BYTES + SYNC_BYTES, end - at))
        found = chunk.find(sync)
        if found >= 0 and at + found + SYNC_BYTES < end:
            return True
        at += _CHUNK_BYTES
    return False
