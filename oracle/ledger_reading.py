"""Reads ledgers for the oracle: plain Avro container files, read by fastavro, with their CRCs recomputed."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro

from oracle.facts import MARK, Ledger, Mark, Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CRC_BYTES, SYNC_BYTES = 4, 16
OPENING = "tally.opening"
"""The metadata in the header of a segment that has the values of the opening MARK, as JSON."""


def read_ledgers(above: Iterable[Path], topic: str) -> list[Ledger]:
    """Return the ledgers of a topic in or below some directories, each once.

    A ledger is in REPLICA/ledger/TOPIC-PARTITION. The replica is called by that name, or by its path if two have the
    same name.
    """
    name = re.compile(re.escape(topic) + r"-([0-9]+)")
    found = {
        file.parent.resolve()
        for directory in above
        for file in directory.rglob("*.avro")
        if name.fullmatch(file.parent.name)
    }
    places = Counter((each.parents[1].name, each.name) for each in found)
    ledgers = []
    for directory in sorted(found):
        replica = directory.parents[1]
        alone = places[(replica.name, directory.name)] == 1
        partition = int(directory.name.rpartition("-")[2])
        ledgers.append(read_ledger(directory, replica=replica.name if alone else str(replica), partition=partition))
    return ledgers


def read_ledger(directory: Path, replica: str, partition: int) -> Ledger:
    """Return the ledger in one directory. Files that were put aside or are temporary do not end in .avro."""
    segments = sorted(directory.glob("*.avro"))
    rows: list[Row] = []
    marks: list[Mark] = []
    openings: list[Mark] = []
    damage: str | None = None
    for path in segments:
        try:
            _read_segment(path, rows, marks, openings)
        except Exception as error:  # noqa: BLE001 - whatever fastavro raises for the bytes, it is damage
            damage = f"{path.name}: {type(error).__name__}: {error}"
            break
    return Ledger(replica=replica, partition=partition, rows=rows, marks=marks, openings=openings, damage=damage)


def _read_segment(path: Path, rows: list[Row], marks: list[Mark], openings: list[Mark]) -> None:
    content = path.read_bytes()
    with path.open("rb") as file:
        blocks: Any = fastavro.block_reader(file)
        openings.append(_opening(blocks.metadata, len(rows)))
        for block in blocks:
            raw = content[block.offset : block.offset + block.size]
            for fields in block:
                if fields["kind"] == MARK:
                    marks.append(_mark(fields, len(rows), _crc_holds(raw, fields["crc"])))
                else:
                    rows.append(_row(fields))


def _crc_holds(block: bytes, crc: bytes) -> bool:
    """Tell whether the CRC-32 of a block holds; its own four bytes, the last of the data, count as zero."""
    end = len(block) - SYNC_BYTES
    zeroed = block[: end - CRC_BYTES] + bytes(CRC_BYTES) + block[end:]
    return zlib.crc32(zeroed) == int.from_bytes(crc, "big")


def _row(fields: Mapping[str, Any]) -> Row:
    return Row(
        kind=fields["kind"],
        offset=fields["offset"],
        request_id=_sixteen(fields["request_id"]),
        a=fields["a"],
        b=fields["b"],
        sum=fields["sum"],
        reason=fields["reason"],
        timestamp_us=(fields["timestamp"] - EPOCH) // timedelta(microseconds=1),
        digest=fields["digest"],
    )


def _mark(fields: Mapping[str, Any], rows_before: int, crc_holds: bool) -> Mark:
    state = _state(fields, fields["offset"], fields["chain"], rows_before)
    return replace(state, crc_holds=crc_holds)


def _opening(metadata: Mapping[str, Any], rows_before: int) -> Mark:
    values = json.loads(metadata[OPENING])
    return _state(values, values["next_offset"], bytes.fromhex(values["chain"]), rows_before)


def _state(values: Mapping[str, Any], next_offset: int, chain: bytes, rows_before: int) -> Mark:
    return Mark(
        next_offset=next_offset,
        counted=values["counted"],
        duplicates=values["duplicates"],
        conflicts=values["conflicts"],
        poison=values["poison"],
        total=Decimal(values["total"]),
        chain=chain,
        rows_before=rows_before,
    )


def _sixteen(value: Any) -> bytes:
    return bytes(getattr(value, "bytes", value))
