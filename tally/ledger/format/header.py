"""The header of a segment: Avro's own, with what the file is and the state that it begins with in its metadata.

Names below ``tally.``: format_version, cluster_id, topic, topic_id, partition, partitions, fold_version, schemas (JSON:
writer schema id -> fingerprint, all that the ledger has used up to here), opening (JSON: the closing MARK of the
segment before, and ``chain_window``, C of the window that next_offset lies in), and last crc (hex: the CRC-32 of the
whole header with these eight digits zero).
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Final

from tally.base import varint
from tally.base.fingerprint import AvroSchemaError, fingerprint
from tally.generated.avro.ledger_row import LedgerRow
from tally.ledger.format.block import SYNC_BYTES
from tally.ledger.format.identity import Identity
from tally.ledger.format.mark import Mark, figures_in, mark_of, unscaled_of
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState

FORMAT_VERSION: Final = 1
HEADER_BYTES_MAX: Final = 1024 * 1024
"""A real one has about 4 KB; it bounds what a damaged length can make a reader allocate."""

_MAGIC: Final = b"Obj\x01"
_PREFIX: Final = "tally."
_NO_CRC: Final = b"0" * 8
_AFTER_CRC_BYTES: Final = 1 + SYNC_BYTES


@dataclass(frozen=True)
class Header:
    """``opening`` is the state before the segment's first row, ``chain_window`` C of its window."""

    identity: Identity
    schemas: Mapping[int, str]
    opening: Mark
    chain_window: bytes
    sync: bytes
    size_bytes: int


@dataclass(frozen=True)
class BadHeader:
    """The bytes do not begin with a good header; ``what`` is a clause for a report."""

    what: str


@dataclass(frozen=True)
class OtherFormat:
    """A good header of a format that this version cannot read."""

    what: str


def encode_header(identity: Identity, schemas: Mapping[int, str], opening: LedgerState, sync: bytes) -> bytes:
    """Return the bytes before the first block. ``sync``: 16 random bytes, new for each file."""
    mark = mark_of(opening)
    texts = {"chain": mark.chain.hex(), "chain_window": opening.chain.closed.hex()}
    state = figures_in(mark) | mark.counts.document() | texts
    metadata = {"avro.schema": LedgerRow.SCHEMA, "avro.codec": "null", _PREFIX + "format_version": str(FORMAT_VERSION)}
    metadata |= {_PREFIX + name: str(value) for name, value in asdict(identity).items()}
    metadata[_PREFIX + "schemas"] = _json({str(key): schemas[key] for key in sorted(schemas)})
    metadata[_PREFIX + "opening"] = _json(state)
    metadata[_PREFIX + "crc"] = _NO_CRC.decode()
    parts = [_MAGIC, varint.encode(len(metadata))]
    for name, text in metadata.items():
        for part in (name.encode(), text.encode()):
            parts += (varint.encode(len(part)), part)
    header = b"".join((*parts, varint.encode(0), sync))
    at = len(header) - _AFTER_CRC_BYTES
    return header[: at - len(_NO_CRC)] + f"{zlib.crc32(header):08x}".encode() + header[at:]


def decode_header(data: bytes) -> Header | OtherFormat | BadHeader:
    """Return the header at the start of ``data`` (at least HEADER_BYTES_MAX of the file, or all of it)."""
    try:
        metadata, size = _metadata(data)
    except (IndexError, ValueError) as error:
        return BadHeader(f"it has no ledger header: {error}")
    at = size - _AFTER_CRC_BYTES
    stated = data[at - len(_NO_CRC) : at]
    crc = zlib.crc32(data[at:size], zlib.crc32(_NO_CRC, zlib.crc32(data[: at - len(_NO_CRC)])))
    if stated != f"{crc:08x}".encode():
        return BadHeader("its header's CRC is wrong")
    version = metadata.get(_PREFIX + "format_version")
    if version != str(FORMAT_VERSION):
        return OtherFormat(f"it has format version {version}, but this program reads {FORMAT_VERSION}")
    try:
        if _fingerprint(metadata["avro.schema"]) != LedgerRow.FINGERPRINT:
            return OtherFormat("its rows have another schema than this program's")
        return _header(metadata, data[size - SYNC_BYTES : size], size)
    except (AvroSchemaError, KeyError, TypeError, ValueError) as error:
        return BadHeader(f"its header's CRC is right but its metadata is not: {error!r}")


_fingerprint = lru_cache(maxsize=4)(fingerprint)
"""All segments of all ledgers have the same text."""


def _metadata(data: bytes) -> tuple[dict[str, str], int]:
    """Return the metadata and the position after the sync marker. Raises IndexError, ValueError."""
    if data[: len(_MAGIC)] != _MAGIC:
        raise ValueError("it does not begin with Avro's magic")
    count, at = varint.decode(data, len(_MAGIC))
    texts: list[str] = []
    for _ in range(2 * min(max(count, 0), len(data))):
        length, at = varint.decode(data, at)
        if not 0 <= length <= len(data) - at:
            raise ValueError("it ends within the metadata")
        texts.append(data[at : at + length].decode())
        at += length
    if data[at] != 0 or len(data) < at + _AFTER_CRC_BYTES:
        raise ValueError("it ends within the metadata")
    return dict(zip(texts[::2], texts[1::2], strict=True)), at + _AFTER_CRC_BYTES


def _header(metadata: Mapping[str, str], sync: bytes, size_bytes: int) -> Header:
    """Raises KeyError, TypeError, ValueError."""
    own = {name.removeprefix(_PREFIX): text for name, text in metadata.items()}
    opening = json.loads(own["opening"])
    chain, chain_window = bytes.fromhex(opening.pop("chain")), bytes.fromhex(opening.pop("chain_window"))
    next_offset, last_timestamp_us = opening.pop("next_offset"), opening.pop("last_timestamp_us")
    counts = Counts(**(opening | {"total": unscaled_of(opening["total"])}))
    identity = Identity(
        own["cluster_id"],
        own["topic"],
        own["topic_id"],
        int(own["partition"]),
        int(own["partitions"]),
        int(own["fold_version"]),
    )
    schemas = {int(key): str(text) for key, text in json.loads(own["schemas"]).items()}
    mark = Mark(next_offset, last_timestamp_us, counts, chain)
    return Header(identity, schemas, mark, chain_window, sync, size_bytes)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
