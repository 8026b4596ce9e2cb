"""Writing a file: whole or not at all, and never something else replaced by a file."""

import errno
import os
import resource
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tally.base.written_file import PART_PATTERN, WrittenFile, write_file
from tests_support.ledger.devices import device, made

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="devices are made, and disks mounted, by root only")
NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def parts(folder: Path) -> list[Path]:
    return list(folder.glob(PART_PATTERN))


def test_a_new_file_has_the_content_and_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    """A new file has its content, the mode of the umask or 0600 if private, and no temporary file beside it."""
    mask = os.umask(0o027)
    try:
        write_file(tmp_path / "new", "käse\n")
        write_file(tmp_path / "own", b"x", private=True)
    finally:
        os.umask(mask)
    assert (tmp_path / "new").read_bytes() == "käse\n".encode()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o600
    assert parts(tmp_path) == []


def test_a_file_that_is_replaced_keeps_its_mode_and_who_reads_it_sees_all_of_one(tmp_path: Path) -> None:
    """A replaced file keeps its mode, and a reader sees all of the old content or all of the new."""
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o604)
    with path.open() as reader:
        with WrittenFile(path, private=True) as written:
            written.file.write(b"new")
            written.file.flush()
            assert path.read_text() == "old"
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@AS_ROOT
def test_a_file_of_another_owner_stays_theirs(tmp_path: Path) -> None:
    """A file that root replaces still belongs to its former owner and group."""
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, 1234, 1235)
    write_file(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path: Path) -> None:
    """An exception while a file is written leaves the old one unchanged and no temporary file."""
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), WrittenFile(path) as written:
        written.file.write(b"%d" % (1 // 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    """Writing through links of any number replaces the file at their end, and the links stay links."""
    (tmp_path / "deep").mkdir()
    target, link, second = tmp_path / "deep" / "target", tmp_path / "link", tmp_path / "second"
    target.write_text("old")
    link.symlink_to("deep/target")
    second.symlink_to(link)
    write_file(second, "new")
    assert (link.is_symlink(), second.is_symlink(), target.is_symlink()) == (True, True, False)
    assert target.read_text() == "new"


def test_what_a_dangling_link_points_to_is_made(tmp_path: Path) -> None:
    """Writing through a link without a target creates the target, and the link stays a link."""
    link = tmp_path / "link"
    link.symlink_to("target")
    write_file(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_link_into_a_folder_that_is_not_there_is_refused_by_that_folder(tmp_path: Path) -> None:
    """A link into a missing folder is refused with the name of that folder, not of the link."""
    link = tmp_path / "link"
    link.symlink_to("nowhere/target")
    with pytest.raises(FileNotFoundError, match=f"there is no folder {tmp_path}/nowhere"):
        write_file(link, "new")


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    """Links that form a circle are refused as such, and stay as they are."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write_file(tmp_path / "a", "new")
    assert (tmp_path / "a").is_symlink()


@pytest.mark.parametrize("linked", [False, True])
def test_a_device_is_written_into_and_stays_a_device(tmp_path: Path, linked: bool) -> None:
    """A character device is written into, directly or through a link, and is never replaced by a file."""
    null = device(tmp_path, "null")
    path = tmp_path / "link" if linked else null
    if linked:
        path.symlink_to(null)
    with WrittenFile(path) as written:
        assert written.streams
        written.file.write(b"away")
    assert stat.S_ISCHR(null.stat().st_mode)
    assert path.is_symlink() is linked


@AS_ROOT
def test_a_disk_is_refused(tmp_path: Path) -> None:
    """A block device is refused with the cure, so that no disk is overwritten by mistake."""
    disk = made(tmp_path, "disk", stat.S_IFBLK, 7, 250)
    with pytest.raises(OSError, match="is a disk; give the name of a file"):
        WrittenFile(disk)
    assert disk.is_block_device()


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket is refused with the cure, and is still a socket afterwards."""
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(OSError, match="is a socket; give the name of a file"):
            WrittenFile(Path("socket"))
    assert Path("socket").is_socket()


@pytest.mark.parametrize("name", ["folder", "link"])
def test_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A folder, or a link to one, is refused with the cure, also where special files are allowed."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with pytest.raises(IsADirectoryError, match="is a directory; give the name of a file"):
        write_file(tmp_path / name, "x", special=True)


def test_a_pipe_is_written_into_once_somebody_reads_it(tmp_path: Path) -> None:
    """A named pipe passes everything to its reader, also more than it holds at a time, and stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append(pipe.read_bytes()))
    reader.start()
    content = b"x" * 1_000_000  # more than a pipe holds
    write_file(pipe, content, special=True)
    reader.join(60)
    assert seen == [content]
    assert pipe.is_fifo()


def test_a_pipe_that_nobody_reads_is_told_after_a_bounded_wait(tmp_path: Path) -> None:
    """A named pipe without a reader raises OSError after a bounded wait instead of blocking for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nothing has read from this pipe"):
        WrittenFile(pipe, reader_wait_s=0.1)
    assert pipe.is_fifo()


def test_a_pipe_whose_reader_goes_away_is_an_error_of_the_pipe(tmp_path: Path) -> None:
    """A named pipe whose reader closes it raises BrokenPipeError with the pipe's name."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    written = WrittenFile(pipe)
    os.close(reader)
    written.file.write(b"x")
    with pytest.raises(BrokenPipeError) as raised:
        written.keep()
    assert raised.value.filename == str(pipe)


@pytest.mark.parametrize("name", ["null", "pipe", "-"])
def test_a_file_that_must_be_one_goes_into_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Where a regular file is required, a device or a pipe is refused, and "-" is a file name like any other."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    if name == "-":
        write_file(Path(name), "x")
        assert (tmp_path / "-").read_text() == "x"
        return
    with pytest.raises(OSError, match="is not a regular file, and this one must be"):
        write_file(device(tmp_path, name) if name == "null" else Path(name), "x")


SCRIPT = """
import sys
from pathlib import Path
from tally.base.written_file import WrittenFile
print("first", flush=True)
with WrittenFile(Path(sys.argv[1])) as written:
    written.file.write(b"second\\n")
print("third", flush=True)
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("redirected", ["file", "pipe"])
def test_standard_output_by_any_name_is_written_into_where_it_stands(
    tmp_path: Path, name: str, redirected: str
) -> None:
    """Standard output under any of its names is appended to at its position, whether it is a file or a pipe."""
    (tmp_path / "link").symlink_to("/proc/self/fd/1")
    if name == "/dev/stdout" and os.geteuid() == 0:
        pytest.skip("root could lose it by a fault; the link beside it is like it")
    path = str(tmp_path / name) if name == "link" else name
    command = [sys.executable, "-c", SCRIPT, path]
    if redirected == "file":
        with (tmp_path / "out").open("wb") as out:
            subprocess.run(command, stdout=out, check=True, timeout=60)
        seen = (tmp_path / "out").read_bytes()
    else:
        seen = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    assert seen == b"first\nsecond\nthird\n"


@NOT_ROOT
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """A file in a read-only folder raises PermissionError with the name of the folder, and the old file stays."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("old")
    folder.chmod(0o555)
    with pytest.raises(PermissionError, match=f"its folder {folder} cannot be written to"):
        write_file(folder / "file", "new")
    folder.chmod(0o755)
    assert (folder / "file").read_text() == "old"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@AS_ROOT
def test_without_the_right_to_it_a_folder_or_a_file_is_refused_by_name_and_stays(open_folder: Path) -> None:
    """A user without the rights is told whether the folder or the file refuses, and neither is changed."""
    folder, file = open_folder / "folder", open_folder / "open" / "file"
    folder.mkdir()
    folder.chmod(0o755)  # whatever the umask is
    file.parent.mkdir()
    file.parent.chmod(0o777)
    file.write_text("old")
    file.chmod(0o644)
    script = (
        "import os, sys; from pathlib import Path; from tally.base.written_file import write_file; os.setuid(65534)\n"
        "try: write_file(Path(sys.argv[1]), 'new')\n"
        "except OSError as error: print(error)\n"
    )
    for path, words in [
        (folder / "new", f"its folder {folder} cannot be written to"),
        (file, "the file cannot be written to"),
    ]:
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False, timeout=60
        )
        assert words in done.stdout, done.stderr
    assert file.read_text() == "old"
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A path into a missing folder raises FileNotFoundError with the name of that folder."""
    with pytest.raises(FileNotFoundError, match=f"there is no folder {tmp_path}/none"):
        write_file(tmp_path / "none" / "file", "x")


def test_a_name_that_is_too_long_is_an_error_of_that_name(tmp_path: Path) -> None:
    """A name that the file system finds too long is an error with that name, and the longest allowed one is written."""
    path = tmp_path / ("n" * 300)
    with pytest.raises(OSError, match="too long") as raised:
        write_file(path, "x")
    assert raised.value.filename == str(path)
    write_file(tmp_path / ("n" * 255), "x")


def test_a_full_device_is_an_error_of_the_device(tmp_path: Path) -> None:
    """A device that takes no more bytes raises OSError with the device's name."""
    full = device(tmp_path, "full")
    with pytest.raises(OSError, match="No space left") as raised, WrittenFile(full) as written:
        written.file.write(b"x" * 100_000)
    assert raised.value.filename == str(full)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@AS_ROOT
def test_a_full_disk_leaves_the_old_file_and_no_rest(small_disk: Path) -> None:
    """A full disk raises ENOSPC with the file's name, the old file stays, and no temporary file is left."""
    path = small_disk / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="No space left") as raised:
        write_file(path, b"x" * 200_000)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "old"
    assert list(small_disk.iterdir()) == [path]


def test_a_limit_on_file_sizes_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    """A file beyond the process's size limit raises EFBIG with its name, and the old file stays alone in its folder."""
    path = tmp_path / "file"
    path.write_text("old")
    script = (
        "import sys; from pathlib import Path; from tally.base.written_file import write_file\n"
        "try: write_file(Path(sys.argv[1]), b'x' * 200_000)\n"
        "except OSError as error: print(error.errno, error.filename)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536)),
    )
    assert done.stdout.split() == [str(errno.EFBIG), str(path)]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
