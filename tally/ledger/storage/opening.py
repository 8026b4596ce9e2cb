"""Opening a ledger: step 2 of a partition's recovery, from the files to a state that can be appended to.

Theory of operation. The segments must form one series from the topic's first record on: each header's opening state is
what the segment before closed with, each block's MARK what its rows give. At the first break:

- a bad tail of the last file alone is *torn*: an append that never finished. It is cut off.
- anything else is *damage* (rot, a missing or exchanged file). The file and all behind it are renamed to
  ``*.quarantined-N``, the last one first, so that a crash half-way still leaves a break to find. The ledger is then
  shorter, openly: the caller is told, and reads the rows from the topic again.

Then the last block is written again, and file and directory are fsynced, with whatever was cut off or renamed: after a
failed fsync of a former process its pages may look written without being on the disk. Nothing is changed before the
identity of every header is known to be right.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tally.ledger.format.header import BadHeader, Header, OtherFormat
from tally.ledger.format.identity import Identity, Refuse, check_identity, rebuild_cure
from tally.ledger.state.fold import LedgerState
from tally.ledger.state.id_index import IdIndex
from tally.ledger.storage.disk import Disk
from tally.ledger.storage.errors import LedgerFailed
from tally.ledger.storage.scanning import QUARANTINE_MARK, SUFFIX, TEMPORARY_SUFFIX, first_offset_of, segment_paths
from tally.ledger.storage.series import AnyHeader, Break, Segment, Series, header_of, read_series
from tally.ledger.storage.writing import sync, sync_directory

_QUARANTINE_TRIES_MAX: Final = 10_000


@dataclass(frozen=True)
class Truncated:
    """A torn tail that was cut off: the last append never finished."""

    file: str
    from_bytes: int
    to_bytes: int


@dataclass(frozen=True)
class Quarantined:
    """A file that was renamed because it, or one before it, is damaged; its rows are read from the topic again."""

    file: str
    renamed_to: str
    position_bytes: int
    what: str


@dataclass(frozen=True)
class Removed:
    """A temporary file of a rotation that never finished."""

    file: str


Recovered = Truncated | Quarantined | Removed


@dataclass(frozen=True)
class Prefix:
    """The good prefix of a ledger."""

    segments: tuple[Segment, ...]
    state: LedgerState
    index: IdIndex
    recovered: tuple[Recovered, ...]


def open_directory(disk: Disk, directory: Path, identity: Identity, seed: int) -> Prefix | Refuse:
    """Check and mend a directory. Raises LedgerFailed, and OSError for what cannot be read."""
    disk.make_dirs(directory)
    paths = segment_paths(disk, directory)
    headers = [header_of(disk, path) for path in paths]
    for header in headers:
        refused = _refusal(header, identity, directory)
        if refused is not None:
            return refused
    recovered: list[Recovered] = _remove_temporary(disk, directory)
    series = read_series(disk, paths, headers, seed)
    while series.broken is not None:
        broken, series = series.broken, replace(series, broken=None)
        if broken.torn:
            recovered.append(_truncate(disk, paths[broken.segment], broken.position))
        else:
            recovered += _quarantine(disk, paths[broken.segment :], broken)
            paths, headers = paths[: broken.segment], headers[: broken.segment]
            series = read_series(disk, paths, headers, seed)  # again, for an index without the damaged file's ids
    _rewrite_last_block(disk, directory, series)
    return Prefix(series.segments, series.state, series.index, tuple(recovered))


def _refusal(header: AnyHeader, identity: Identity, directory: Path) -> Refuse | None:
    match header:
        case Header():
            return check_identity(header.identity, identity, str(directory))
        case OtherFormat(what):
            return Refuse(
                f"a file in {directory} cannot be read: {what}",
                f"Run the version of Tally that wrote it. Or: {rebuild_cure(str(directory))}",
            )
        case BadHeader():
            return None


def _remove_temporary(disk: Disk, directory: Path) -> list[Recovered]:
    names = [name for name in disk.names(directory) if name.endswith(TEMPORARY_SUFFIX)]
    for name in sorted(names):
        disk.remove(directory / name)
    return [Removed(name) for name in sorted(names)]


def _truncate(disk: Disk, path: Path, position: int) -> Truncated:
    file = disk.open(path, write=True)
    try:
        size = file.size()
        file.truncate(position)
    finally:
        file.close()
    return Truncated(path.name, size, position)


def _quarantine(disk: Disk, paths: list[Path], broken: Break) -> list[Recovered]:
    taken = set(disk.names(paths[0].parent))
    recovered: list[Recovered] = []
    for path in reversed(paths):
        stem = path.name.removesuffix(SUFFIX) + QUARANTINE_MARK
        name = next(f"{stem}{n}" for n in range(1, _QUARANTINE_TRIES_MAX) if f"{stem}{n}" not in taken)
        disk.rename(path, path.with_name(name))
        what = broken.what if path == paths[0] else f"it comes after {paths[0].name}"
        recovered.append(Quarantined(path.name, name, broken.position if path == paths[0] else 0, what))
    return recovered[::-1]


def _rewrite_last_block(disk: Disk, directory: Path, series: Series) -> None:
    if series.segments:
        segment = series.segments[-1]
        start, end = segment.last_block
        file = disk.open(segment.view.path, write=True)
        try:
            data = file.read(start, end - start)
            written = file.write(start, data)
            if written != len(data):
                raise LedgerFailed(f"{segment.view.path}: {written} of {len(data)} bytes could be rewritten in place")
            sync(file, segment.view.path)
        finally:
            file.close()
    sync_directory(disk, directory)


def quarantined_names(disk: Disk, directory: Path) -> Iterator[str]:
    """Yield the files that were put aside."""
    for name in sorted(disk.names(directory)):
        if first_offset_of(name.partition(QUARANTINE_MARK)[0] + SUFFIX) is not None and QUARANTINE_MARK in name:
            yield name
