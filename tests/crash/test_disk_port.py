"""One suite for the real disk and the one in memory, so that what holds on the fake holds on the real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tally.ledger.storage.disk import Disk, RealDisk
from tests_support.ledger.fake_disk import FakeDisk


@pytest.fixture(params=["real", "fake"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Disk, Path]]:
    disk: Disk = RealDisk() if request.param == "real" else FakeDisk()
    directory = tmp_path / "a" / "b"
    disk.make_dirs(directory)
    yield disk, directory
    disk.make_dirs(directory)  # a second time is harmless


def test_what_is_written_is_read_at_its_place(place: tuple[Disk, Path]) -> None:
    """Written bytes are read back at their positions, and a read past the end gives what there is."""
    disk, directory = place
    file = disk.create(directory / "x")
    assert file.write(0, b"hello") == 5
    assert file.write(3, b"p me") == 4
    file.sync()
    assert file.read(0, 100) == b"help me"
    assert file.read(5, 1) == b"m"
    assert file.read(7, 5) == b""
    assert file.size() == 7
    file.close()


def test_a_gap_and_a_longer_truncation_read_as_zeros(place: tuple[Disk, Path]) -> None:
    """Bytes that were never written, before the data or after an extending truncate, are read as zeros."""
    disk, directory = place
    file = disk.create(directory / "x")
    file.write(2, b"ab")
    file.truncate(3)
    file.truncate(5)
    assert file.read(0, 9) == b"\0\0a\0\0"
    file.close()


def test_an_open_file_sees_what_another_handle_wrote(place: tuple[Disk, Path]) -> None:
    """A reader that opened a file before it was written sees the new bytes, so readers need not reopen it."""
    disk, directory = place
    writer = disk.create(directory / "x")
    reader = disk.open(directory / "x", write=False)
    writer.write(0, b"new")
    assert reader.read(0, 3) == b"new"
    writer.close()
    reader.close()


def test_creating_again_empties_a_file(place: tuple[Disk, Path]) -> None:
    """Creating a file of an existing name empties it, and there is still one name."""
    disk, directory = place
    for data in (b"longer", b"short"):
        file = disk.create(directory / "x")
        assert file.size() == 0
        file.write(0, data)
        file.close()
    assert disk.names(directory) == ["x"]


def test_a_rename_replaces_what_had_the_name(place: tuple[Disk, Path]) -> None:
    """A rename onto an existing name replaces that file, and the old name is gone."""
    disk, directory = place
    for name in ("old", "new"):
        file = disk.create(directory / name)
        file.write(0, name.encode())
        file.close()
    disk.rename(directory / "old", directory / "new")
    disk.sync_dir(directory)
    assert disk.names(directory) == ["new"]
    file = disk.open(directory / "new", write=True)
    assert file.read(0, 9) == b"old"
    file.close()


def test_removed_and_missing_files_cannot_be_opened(place: tuple[Disk, Path]) -> None:
    """A removed file has no name any more, and opening or removing it again raises FileNotFoundError."""
    disk, directory = place
    disk.create(directory / "x").close()
    disk.remove(directory / "x")
    assert disk.names(directory) == []
    for act in (lambda: disk.open(directory / "x", write=False), lambda: disk.remove(directory / "x")):
        with pytest.raises(FileNotFoundError):
            act()


def test_the_fake_forgets_what_was_not_synced(tmp_path: Path) -> None:
    """After a power cut the disk in memory has only the names and bytes that were fsynced."""
    disk = FakeDisk()
    disk.make_dirs(tmp_path)
    file = disk.create(tmp_path / "x")
    file.write(0, b"kept")
    file.sync()
    assert disk.without_power().names(tmp_path) == []
    disk.sync_dir(tmp_path)
    file.write(4, b" and lost")
    assert disk.without_power().content(tmp_path / "x") == b"kept"


def test_the_fake_never_writes_what_a_failed_fsync_dropped(tmp_path: Path) -> None:
    """As on Linux, bytes of a failed fsync stay readable until a power cut, and a later fsync does not save them."""
    disk = FakeDisk(fail=lambda operation, path: OSError(5, "EIO") if operation == "sync" else None)
    disk.make_dirs(tmp_path)
    file = disk.create(tmp_path / "x")
    disk.sync_dir(tmp_path)
    file.write(0, b"lost")
    with pytest.raises(OSError, match="EIO"):
        file.sync()
    disk.fail = None
    file.sync()
    assert disk.content(tmp_path / "x") == b"lost"
    assert disk.without_power().content(tmp_path / "x") == b""
