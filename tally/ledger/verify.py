"""Verify ledgers offline: every segment, CRC, chain, sum, count, classification, and the steps between segments.

Reads only. Works on one partition's directory or on a tree that holds several. After damage in one file the
check goes on with the next file that can be read from its own header, so that one run reports every damaged file.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from tally.event.codes import CONFLICT, COUNTED, DUPLICATE, KIND_NAMES, POISON
from tally.event.int128 import halves
from tally.event.rows import Rows
from tally.ledger.format.block import BadBlock
from tally.ledger.format.check import check_block
from tally.ledger.format.header import Header
from tally.ledger.format.identity import Identity
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState
from tally.ledger.state.id_index import IdIndex
from tally.ledger.storage.disk import Disk, File, RealDisk
from tally.ledger.storage.lock import is_in_use
from tally.ledger.storage.opening import quarantined_names
from tally.ledger.storage.scanning import SUFFIX, TEMPORARY_SUFFIX, first_offset_of, is_rot, segment_paths, walk
from tally.ledger.storage.series import header_of, read_series, wrong_opening

QUARANTINED: Final = ".quarantined-"
"""In the name of a directory that a repair put aside: it is kept, but is no longer a ledger."""


@dataclass(frozen=True)
class Problem:
    """One damage: the file, the position of the block it is in, and what is wrong, as a sentence."""

    file: Path
    position_bytes: int
    what: str


@dataclass(frozen=True)
class LedgerReport:
    """One partition's ledger: what its good prefix amounts to, and every problem.

    ``notes`` are no problems: quarantined files, a block that is being written at this moment.
    """

    directory: Path
    identity: Identity | None
    segments: int
    size_bytes: int
    next_offset: int
    counts: Counts
    chain: bytes
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All ledgers below a path."""

    path: Path
    ledgers: tuple[LedgerReport, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem of every ledger."""
        return tuple(problem for ledger in self.ledgers for problem in ledger.problems)

    @property
    def ok(self) -> bool:
        """No problem was found, in at least one ledger."""
        return bool(self.ledgers) and not self.problems


class NoLedger(Exception):  # noqa: N818 - names what is, not that it is an error
    """The path holds no ledger; the message says what was looked for."""


def verify_directory(path: Path) -> Report:
    """Check every ledger at or below a path, in order of partition. Raises NoLedger."""
    directories = {
        file.parent
        for file in path.rglob(f"*{SUFFIX}*")
        if _is_of_ledger(file.name) and (QUARANTINED not in file.parent.name or file.parent == path)
    }
    if not directories:
        raise NoLedger(
            f"{path} holds no ledger: no file of 20 digits and .avro was found in it or below. "
            f"A ledger is in DATA/consumer/REPLICA/ledger/TOPIC-PARTITION."
        )
    disk = RealDisk()
    reports = [_Verification(disk, directory).report() for directory in sorted(directories, key=_partition_order)]
    return Report(path, _without_forks(reports))


def verify_ledger(directory: Path, until: int, on_block: Callable[[int], None]) -> LedgerReport:
    """Check one ledger's rows below a next offset that it has fsynced; what comes after may be written meanwhile.

    ``on_block`` is told the offset that was reached.
    """
    return _Verification(RealDisk(), directory, until, on_block).report()


def _without_forks(reports: list[LedgerReport]) -> tuple[LedgerReport, ...]:
    """Add a problem to each ledger whose history is not that of another replica's longer one."""
    checked: list[LedgerReport] = []
    for report in reports:
        others = [other for other in reports if other.identity == report.identity and other is not report]
        longer = [other for other in others if other.next_offset >= report.next_offset]
        fork = next((other for other in longer if _chain_of(other, report.next_offset) != report.chain), None)
        if fork is not None and report.identity is not None and not report.problems and not fork.problems:
            what = f"its rows below offset {report.next_offset} are not those of {fork.directory}: one of them is wrong"
            report = replace(report, problems=(Problem(report.directory, 0, what),))  # noqa: PLW2901 - its verdict
        checked.append(report)
    return tuple(checked)


def _chain_of(report: LedgerReport, offset: int) -> bytes:
    """Return a good ledger's chain at an offset within it."""
    if offset == report.next_offset or report.problems:
        return report.chain
    disk = RealDisk()
    paths = segment_paths(disk, report.directory)
    series = read_series(disk, paths, [header_of(disk, path) for path in paths], 0)
    return series.view(disk).chain_at(offset)


def _is_of_ledger(name: str) -> bool:
    return first_offset_of(name.partition(SUFFIX)[0] + SUFFIX) is not None


def _partition_order(directory: Path) -> tuple[str, str, int]:
    topic, _, partition = directory.name.rpartition("-")
    return str(directory.parent), topic, int(partition) if partition.isdecimal() else -1


class _Verification:
    """One ledger on its way through: the state of the good prefix, all ids, the problems so far."""

    def __init__(
        self, disk: Disk, directory: Path, until: int | None = None, on_block: Callable[[int], None] = lambda _: None
    ) -> None:
        self._disk, self._directory = disk, directory
        self._until, self._on_block = until, on_block
        self._state, self._index = LedgerState.empty(), IdIndex()
        self._identity: Identity | None = None
        self._problems: list[Problem] = []
        self._notes = [f"{name} was put aside as damaged" for name in quarantined_names(disk, directory)]
        self._notes += [
            f"{name} was never finished" for name in disk.names(directory) if name.endswith(TEMPORARY_SUFFIX)
        ]
        self._size = 0

    def report(self) -> LedgerReport:
        """Go through all files."""
        paths = segment_paths(self._disk, self._directory)
        for number, path in enumerate(paths):
            if not self._far_enough():
                self._segment(path, last=number == len(paths) - 1)
        self._name()
        state = self._state
        if self._until is not None and not self._far_enough() and not self._problems:
            self._problem(self._directory, 0, f"its files end at offset {state.next_offset}, and not at {self._until}")
        return LedgerReport(
            directory=self._directory,
            identity=self._identity,
            segments=len(paths),
            size_bytes=self._size,
            next_offset=state.next_offset,
            counts=state.counts,
            chain=state.chain.value,
            problems=tuple(self._problems),
            notes=tuple(self._notes),
        )

    def _name(self) -> None:
        """A ledger under another partition's name would be refused."""
        topic, _, partition = self._directory.name.rpartition("-")
        found = self._identity
        if found is not None and topic == found.topic and partition.isdecimal() and int(partition) != found.partition:
            self._problem(self._directory, 0, f"it is named as partition {partition} but belongs to {found.partition}")

    def _segment(self, path: Path, *, last: bool) -> None:
        header = header_of(self._disk, path)
        if not isinstance(header, Header):
            self._problem(path, 0, header.what)
            return
        identity = self._identity or header.identity
        if header.identity != identity:
            self._problem(path, 0, f"it belongs to {header.identity}, the files before it to {identity}")
        self._identity = identity
        wrong = wrong_opening(header, self._state)
        file = self._disk.open(path, write=False)
        try:
            self._size += file.size()
            if wrong is None:
                self._blocks(path, file, header, last=last)
            else:
                self._problem(path, 0, wrong)
                self._crcs(path, file, header)
        finally:
            file.close()

    def _blocks(self, path: Path, file: File, header: Header, *, last: bool) -> None:
        """Check blocks that follow on the state."""
        end = file.size()
        for found in walk(file, header.size_bytes, end, header.sync):
            if self._far_enough():
                return
            if isinstance(found.block, BadBlock):
                torn = last and not is_rot(file, found.position, end, header.sync)
                self._bad(path, found.position, found.block.what, torn=torn)
                return
            after = check_block(self._state, found.block)
            if isinstance(after, str):
                self._problem(path, found.position, f"the block is wrong: {after}")
                return
            wrong = _wrong_kinds(found.block.rows, self._index)
            if wrong is not None:
                self._problem(path, found.position, f"the block is wrong: {wrong}")
            self._state = after
            self._on_block(after.next_offset)

    def _far_enough(self) -> bool:
        return self._until is not None and self._state.next_offset >= self._until

    def _crcs(self, path: Path, file: File, header: Header) -> None:
        """Check what can be checked in a file that does not follow on the state: each block by itself."""
        for found in walk(file, header.size_bytes, file.size(), header.sync):
            if isinstance(found.block, BadBlock):
                self._bad(path, found.position, found.block.what, torn=False)

    def _bad(self, path: Path, position: int, what: str, *, torn: bool) -> None:
        if torn and is_in_use(self._directory):
            self._notes.append(f"{path.name}: a block at byte {position} is being written at this moment")
        elif torn:
            self._problem(path, position, f"a torn tail, which the consumer's next start cuts off: {what}")
        else:
            self._problem(path, position, f"the block is bad: {what}")

    def _problem(self, path: Path, position: int, what: str) -> None:
        self._problems.append(Problem(path, position, what))


def _wrong_kinds(rows: Rows, index: IdIndex) -> str | None:
    """Classify again over all history and name the first row whose kind is not what it should be."""
    valid = rows[rows["kind"] != POISON]
    hi, lo = halves(valid["request_id"])
    digest_hi, digest_lo = halves(valid["digest"])
    offsets = np.ascontiguousarray(valid["offset"])
    is_new, same, first = index.lookup_or_insert(hi, lo, offsets, digest_hi, digest_lo)
    expected = np.where(is_new, COUNTED, np.where(same, DUPLICATE, CONFLICT))
    wrong = np.flatnonzero(valid["kind"] != expected)
    if len(wrong) == 0:
        return None
    at = int(wrong[0])
    seen = "was not seen before" if is_new[at] else f"was counted at offset {first[at]}"
    return (
        f"the row at offset {offsets[at]} is {KIND_NAMES[valid['kind'][at]]} but must be "
        f"{KIND_NAMES[expected[at]]}: its id {seen}"
    )
