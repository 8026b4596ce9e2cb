"""Inputs of every kind: what is read once, what is packed, and what is no input."""

import gzip
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.cli.loading.csv_input import CsvInput, zstd
from tally.cli.loading.csv_source import CsvSourceError

CONTENT = b"a,b\n" + b"".join(b"%d,0.5\n" % number for number in range(50_000))
CHECKED: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}  # as the command zstd does
PACKED = {
    "plain": CONTENT,
    "gzip": gzip.compress(CONTENT),
    "gzip in two members": gzip.compress(CONTENT[:100_000]) + gzip.compress(CONTENT[100_000:]),
    "gzip with zeros behind": gzip.compress(CONTENT) + bytes(512),
    "zstd": zstd.compress(CONTENT, options=CHECKED),
    "zstd in two frames": zstd.compress(CONTENT[:100_000]) + zstd.compress(CONTENT[100_000:]),
}


@pytest.mark.parametrize("form", PACKED)
def test_the_same_content_has_one_hash_and_size_however_it_is_packed(tmp_path: Path, form: str) -> None:
    """Plain, gzip and zstd copies of one file have one hash, so loading any of them again adds nothing."""
    path = tmp_path / "file"
    path.write_bytes(PACKED[form])
    with CsvInput(path, tmp_path / "own") as found:
        assert (found.sha256, found.size_bytes) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
        assert found.content().read() == CONTENT
        lines = found.content()
        assert b"".join(iter(lambda: lines.readline(100), b"")) == CONTENT
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize("form", PACKED)
def test_a_pipe_is_read_once_and_its_content_is_read_as_often_as_that_of_a_file(tmp_path: Path, form: str) -> None:
    """A named pipe is copied once, its content can be read again, and its copy is gone at the end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(PACKED[form]))
    writer.start()
    with CsvInput(pipe, tmp_path / "own") as found:
        writer.join(60)
        assert not found.has_a_name
        assert found.content().read() == found.content().read() == CONTENT
    assert list((tmp_path / "own").iterdir()) == []


SCRIPT = """
import sys
from pathlib import Path
from tally.cli.loading.csv_input import CsvInput
with CsvInput(Path(sys.argv[1]), Path(sys.argv[2])) as found:
    print(found.sha256, found.beside(".rejects.csv"))
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
@pytest.mark.parametrize("kind", ["pipe", "file", "socket"])
def test_standard_input_by_any_name_is_read_whatever_it_is(tmp_path: Path, name: str, kind: str) -> None:
    """Standard input is read by any of its names, be it a pipe, a file or a socket, packed or not."""
    command = [sys.executable, "-c", SCRIPT, name, str(tmp_path / "own")]
    done: subprocess.CompletedProcess[bytes]
    if kind == "pipe":
        done = subprocess.run(command, input=PACKED["gzip"], capture_output=True, check=True, timeout=60)
    elif kind == "file":
        (tmp_path / "file").write_bytes(PACKED["gzip"])
        with (tmp_path / "file").open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, check=True, timeout=60)
    else:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(PACKED["zstd"])
            ours.shutdown(socket.SHUT_WR)
            done = subprocess.run(command, stdin=theirs.fileno(), capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().split() == [hashlib.sha256(CONTENT).hexdigest(), "stdin.rejects.csv"]


def test_a_pipe_that_nobody_writes_into_is_told_after_a_bounded_wait(tmp_path: Path) -> None:
    """A pipe that no writer opens within the given wait is an error that says so, not a hang."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nothing was written to this pipe"):
        CsvInput(pipe, tmp_path / "own", writer_wait_s=0.1)


def test_a_writer_may_take_longer_to_write_than_to_come(tmp_path: Path) -> None:
    """The bounded wait is for a writer to open the pipe; once one has, it may write as late as it likes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    opened, read = threading.Event(), threading.Event()
    found: list[str] = []

    def reads() -> None:
        opened.wait(60)
        with CsvInput(pipe, tmp_path / "own", writer_wait_s=0.0) as content:
            found.append(content.sha256)
        read.set()

    reader = threading.Thread(target=reads)
    reader.start()
    descriptor = os.open(pipe, os.O_RDWR)  # a writer that need not wait for a reader
    opened.set()
    assert not read.wait(0.3)
    os.write(descriptor, b"a,b\n1,2\n")
    os.close(descriptor)
    reader.join(60)
    assert found == [hashlib.sha256(b"a,b\n1,2\n").hexdigest()]


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "folder", "socket"])
def test_what_is_no_input_is_refused_by_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A directory, a device or a socket is refused by name, with the kinds of input that are allowed."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(OSError, match=r"is a (directory|device or a socket); give a file, a pipe, or -"):
            CsvInput(Path(name), tmp_path / "own")


@pytest.mark.parametrize("form", ["gzip", "zstd", "gzip in two members", "zstd in two frames"])
@pytest.mark.parametrize("cut", [1, 10, 1000])
def test_packed_data_that_is_cut_off_is_told_before_anything_is_read_of_it(tmp_path: Path, form: str, cut: int) -> None:
    """A truncated gzip or zstd file is refused when it is opened, so that no row of it is ever sent."""
    path = tmp_path / "file"
    path.write_bytes(PACKED[form][:-cut])
    with pytest.raises(CsvSourceError, match="data is damaged or cut off"):
        CsvInput(path, tmp_path / "own")


@given(st.sampled_from(["gzip", "zstd"]), st.integers(20, 5_000), st.integers(1, 255))
def test_packed_data_with_a_wrong_byte_is_the_same_content_or_an_error(form: str, place: int, mask: int) -> None:
    """One changed byte of packed data gives an error or the unchanged content, and never other rows."""
    wrong = bytearray(PACKED[form])
    wrong[place % len(wrong)] ^= mask
    reading, writing = os.pipe()

    def writes() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(wrong)

    writer = threading.Thread(target=writes)
    writer.start()
    try:
        with tempfile.TemporaryDirectory() as own, CsvInput(Path(f"/dev/fd/{reading}"), Path(own)) as found:
            assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    except CsvSourceError as error:
        assert "damaged" in str(error)  # noqa: PT017 - either end is right
    finally:
        writer.join(60)
        os.close(reading)


def test_a_window_of_more_memory_than_is_usual_is_refused(tmp_path: Path) -> None:
    """A zstd frame that asks for a window of 1 GiB is refused, so that a file cannot exhaust memory."""
    of = zstd.CompressionParameter
    wide: dict[int, int] = {of.window_log: 30, of.enable_long_distance_matching: 1}
    packer = zstd.ZstdCompressor(options=wide)
    path = tmp_path / "file"
    path.write_bytes(packer.compress(CONTENT) + packer.flush())
    with pytest.raises(CsvSourceError, match="damaged or cut off"):
        CsvInput(path, tmp_path / "own")
