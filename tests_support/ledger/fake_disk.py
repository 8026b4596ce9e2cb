"""A disk in memory that knows what is not yet on the platter, so that every outcome of a power cut can be tried.

A file has what the process sees, what is durable, and the writes between. A directory likewise with its names: they are
durable after ``sync_dir``, and reach the disk in the order of the operations. A failed fsync drops the pending writes
for ever while the process goes on seeing them, as Linux's page cache does (Rebello et al., ATC'20).
"""

import errno
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512

Fail = Callable[[str, Path], OSError | int | None]
"""(operation, path) -> None, an error to raise, or for a write the number of bytes to take."""


class PowerCut(Exception):  # noqa: N818 - an event, not an error
    """The machine is off; the disk's ``crash_states`` are what may be found afterwards."""


@dataclass(frozen=True)
class Write:
    at: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    size: int


@dataclass
class Inode:
    current: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[Write | Truncate] = field(default_factory=list)


@dataclass
class Directory:
    current: dict[str, Inode] = field(default_factory=dict)
    durable: dict[str, Inode] = field(default_factory=dict)
    pending: list[dict[str, Inode]] = field(default_factory=list)
    """The names after each operation that is not durable yet."""


class FakeFile:
    def __init__(self, disk: "FakeDisk", inode: Inode, path: Path) -> None:
        self._disk, self._inode, self._path = disk, inode, path
        disk.open_files += 1

    def size(self) -> int:
        return len(self._inode.current)

    def read(self, at: int, length: int) -> bytes:
        return bytes(self._inode.current[at : at + length])

    def write(self, at: int, data: bytes) -> int:
        taken = self._disk.step("write", self._path)
        data = bytes(data[:taken])
        self._inode.current[:] = applied(bytes(self._inode.current), Write(at, data))
        self._inode.pending.append(Write(at, data))
        return len(data)

    def truncate(self, size: int) -> None:
        self._disk.step("truncate", self._path)
        self._inode.current[:] = applied(bytes(self._inode.current), Truncate(size))
        self._inode.pending.append(Truncate(size))

    def sync(self) -> None:
        try:
            self._disk.step("sync", self._path)
        except OSError:
            self._inode.pending.clear()
            raise
        for change in self._inode.pending:
            self._inode.durable = applied(self._inode.durable, change)
        self._inode.pending.clear()

    def close(self) -> None:
        self._disk.open_files -= 1


class FakeDisk:
    """See the module. ``cut_at``: the operation, by its number, at which the power goes."""

    def __init__(self, *, cut_at: int | None = None, fail: Fail | None = None) -> None:
        self.cut_at, self.fail = cut_at, fail
        self.log: list[tuple[str, str]] = []
        self.open_files = 0
        self._directories: dict[Path, Directory] = {}

    def step(self, operation: str, path: Path) -> int | None:
        if self.cut_at == len(self.log):
            raise PowerCut
        self.log.append((operation, path.name))
        outcome = self.fail(operation, path) if self.fail else None
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    def make_dirs(self, directory: Path) -> None:
        self._directories.setdefault(directory, Directory())

    def names(self, directory: Path) -> list[str]:
        return list(self._directories[directory].current)

    def create(self, path: Path) -> FakeFile:
        self.step("create", path)
        self._change(path.parent, lambda names: names.update({path.name: Inode()}))
        return FakeFile(self, self._inode(path), path)

    def open(self, path: Path, *, write: bool) -> FakeFile:
        self.step("open", path)
        return FakeFile(self, self._inode(path), path)

    def rename(self, old: Path, new: Path) -> None:
        self.step("rename", old)
        inode = self._inode(old)

        def move(names: dict[str, Inode]) -> None:
            del names[old.name]
            names[new.name] = inode

        self._change(old.parent, move)

    def remove(self, path: Path) -> None:
        self.step("remove", path)
        self._inode(path)
        self._change(path.parent, lambda names: names.pop(path.name))

    def sync_dir(self, directory: Path) -> None:
        self.step("sync_dir", directory)
        known = self._directories[directory]
        known.durable = dict(known.current)
        known.pending.clear()

    def content(self, path: Path) -> bytes:
        return bytes(self._inode(path).current)

    def put(self, path: Path, data: bytes) -> None:
        """Change a file behind everybody's back, durably."""
        directory = self._directories.setdefault(path.parent, Directory())
        inode = Inode(bytearray(data), data)
        directory.current[path.name] = inode
        directory.durable[path.name] = inode

    def delete(self, path: Path) -> None:
        """Lose a file, durably."""
        self._directories[path.parent].current.pop(path.name)
        self._directories[path.parent].durable.pop(path.name)

    def without_power(self) -> "FakeDisk":
        """Return the disk after a power cut at which nothing pending was kept."""
        return next(disk for label, disk in self.crash_states(only_first=True))

    def copy(self) -> "FakeDisk":
        """Return a disk with the current content, all durable."""
        copy = FakeDisk()
        for path, directory in self._directories.items():
            copy._directories[path] = Directory()
            for name, inode in directory.current.items():
                copy.put(path / name, bytes(inode.current))
        return copy

    def crash_states(self, *, only_first: bool = False, step_bytes: int = 1) -> Iterator[tuple[str, "FakeDisk"]]:
        """Yield what a power cut now may leave: (what happened, disk). Nothing pending kept comes first."""
        for path, directory in self._directories.items():
            for kept, names in enumerate([directory.durable, *directory.pending]):
                files = sorted(names)
                outcomes = [list(contents(names[name], only_first=only_first, step_bytes=step_bytes)) for name in files]
                for chosen in itertools.product(*outcomes):
                    disk = FakeDisk()
                    disk._directories[path] = Directory()
                    for name, (_, data) in zip(files, chosen, strict=True):
                        disk.put(path / name, data)
                    what = [f"{name}: {label}" for name, (label, _) in zip(files, chosen, strict=True) if label]
                    yield f"{kept} of {len(directory.pending)} names kept; {'; '.join(what)}", disk
                if only_first:
                    return

    def any_crash_state(self, rng: random.Random, *, in_place: bool = False) -> "FakeDisk":
        """Return one state out of all that a power cut now may leave, drawn from ``rng``.

        Each directory keeps a prefix of its changes. Of each write that was not fsynced every sector is by itself
        written, lost, zeros or garbage; with ``in_place`` also where it lies over what was durable before, which a
        disk whose sectors are atomic never does when the bytes are the same.
        """
        after = FakeDisk()
        for path, directory in self._directories.items():
            after._directories[path] = Directory()
            names = rng.choice([directory.durable, *directory.pending])
            for name in sorted(names):
                after.put(path / name, _drawn(names[name], rng, in_place=in_place))
        return after

    def _change(self, path: Path, change: Callable[[dict[str, Inode]], object]) -> None:
        directory = self._directories[path]
        change(directory.current)
        directory.pending.append(dict(directory.current))

    def _inode(self, path: Path) -> Inode:
        try:
            return self._directories[path.parent].current[path.name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(path)) from None


def applied(content: bytes, change: Write | Truncate) -> bytes:
    if isinstance(change, Truncate):
        return content[: change.size].ljust(change.size, b"\0")
    padded = content.ljust(change.at, b"\0")
    return padded[: change.at] + change.data + padded[change.at + len(change.data) :]


def contents(inode: Inode, *, only_first: bool, step_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield (label, content) of what may be on the disk of one file."""
    content = inode.durable
    yield "", content
    if only_first:
        return
    for change in inode.pending:
        if isinstance(change, Write):
            yield from _torn(content, change, step_bytes)
        content = applied(content, change)
        yield "all written", content


def _torn(content: bytes, write: Write, step_bytes: int) -> Iterator[tuple[str, bytes]]:
    whole = applied(content, write)
    end = write.at + len(write.data)
    for length in range(1, len(write.data), step_bytes):
        prefix = applied(content, Write(write.at, write.data[:length]))
        yield f"first {length} bytes", prefix
        # the length of the file may be on the disk before its data
        yield f"first {length} bytes, then zeros", prefix.ljust(end, b"\0")
    garbage = random.Random(end).randbytes(len(write.data))
    first = write.at - write.at % SECTOR_BYTES
    for sector in range(first, end, SECTOR_BYTES):
        start, stop = max(sector, write.at), min(sector + SECTOR_BYTES, end)
        for label, filler in (("zero", bytes(len(write.data))), ("garbage", garbage)):
            filled = whole[:start] + filler[: stop - start] + whole[stop:]
            yield f"bytes {start} to {stop} {label}", filled


def _drawn(inode: Inode, rng: random.Random, *, in_place: bool) -> bytes:
    content = inode.durable
    for change in inode.pending:
        if isinstance(change, Truncate):
            content = applied(content, change) if rng.random() < 0.5 else content
            continue
        end = change.at + len(change.data)
        for sector in range(change.at - change.at % SECTOR_BYTES, end, SECTOR_BYTES):
            start, stop = max(sector, change.at), min(sector + SECTOR_BYTES, end)
            new = change.data[start - change.at : stop - change.at]
            harmed = (bytes(len(new)), rng.randbytes(len(new))) if in_place or start >= len(inode.durable) else ()
            fate = rng.choice((new, new, None, *harmed))
            content = content if fate is None else applied(content, Write(start, fate))
    return content
