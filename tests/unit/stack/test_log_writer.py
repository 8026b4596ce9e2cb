"""The writer of a part's log: the log stays below its size while the part runs, and a part never waits for it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stack import log_writer, processes
from stack.log_writer import KEPT
from tests_support.waiting import eventually

BYTES_MAX = 100_000
END_S = 30


def logs_of(log: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in log.parent.iterdir() if path.name.startswith(log.name)}


def sizes_of(log: Path) -> Iterator[int]:
    """Yield the size of each file that is there; one may get another name while we look."""
    for path in log.parent.iterdir():
        with suppress(FileNotFoundError):
            yield path.stat().st_size


def test_a_flood_stays_below_the_size_at_every_moment_and_no_line_is_cut(tmp_path: Path) -> None:
    """Thirty times the size at once: no file is ever larger, few are kept, and the newest lines are whole."""
    log = tmp_path / "log" / "x.log"
    log_writer.rotate(log)
    writer = log_writer.start(log, BYTES_MAX)
    assert writer.stdin is not None
    largest = 0
    for number in range(30_000):
        writer.stdin.write(b"%099d\n" % number)
        if number % 500 == 0:
            largest = max([largest, *sizes_of(log)])
    writer.stdin.close()
    assert writer.wait(END_S) == 0
    kept = logs_of(log)
    assert 0 < largest <= BYTES_MAX
    assert set(kept) == {"x.log", *(f"x.log.{age}" for age in range(1, KEPT + 1))}
    assert all(len(content) <= BYTES_MAX for content in kept.values())
    lines = b"".join(kept[name] for name in sorted(kept, reverse=True)).splitlines()
    assert [int(line) for line in lines] == list(range(30_000 - len(lines), 30_000))


def test_a_line_longer_than_the_size_does_not_break_it(tmp_path: Path) -> None:
    """A part may write megabytes without an end of a line."""
    log = tmp_path / "x.log"
    writer = log_writer.start(log, BYTES_MAX)
    writer.communicate(b"x" * (5 * BYTES_MAX) + b"\nlast\n", timeout=END_S)
    assert log.read_bytes().endswith(b"\nlast\n")
    assert all(len(content) <= BYTES_MAX for content in logs_of(log).values())


def test_the_last_words_of_a_killed_part_are_in_its_log_which_is_its_users_alone(tmp_path: Path) -> None:
    """A part that writes and kills itself at once: when it is known to be gone, its log is complete."""
    log, folder = tmp_path / "x.log", tmp_path / "made"
    program = (
        "import os, pathlib\n"
        f"pathlib.Path({str(folder)!r}).mkdir(); pathlib.Path({str(folder / 'file')!r}).touch()\n"
        "os.write(1, b'y' * 50_000 + b'last words'); os.kill(os.getpid(), 9)"
    )
    mark = processes.start([sys.executable, "-c", program], dict(os.environ), tmp_path, log, tmp_path / "x.json")
    assert processes.wait_gone(mark, END_S)
    assert log.read_bytes().endswith(b"last words")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (log, folder, folder / "file", tmp_path / "x.json")}
    assert modes == {"x.log": 0o600, "made": 0o700, "file": 0o600, "x.json": 0o600}


def test_a_writer_ends_by_itself_when_the_last_of_its_part_ends(tmp_path: Path) -> None:
    """Nobody has to know it: its pipe's end is its own."""
    log = tmp_path / "x.log"
    writer = log_writer.start(log)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=writer.stdin) as part:
        assert writer.stdin is not None
        writer.stdin.close()
        assert part.stdin is not None
        part.stdin.write(b"hello\n")
        part.stdin.flush()
        eventually(lambda: log.exists() and log.read_bytes() == b"hello\n", END_S, "the line is written")
        assert writer.poll() is None
    assert writer.wait(END_S) == 0


def test_a_part_goes_on_when_its_log_cannot_be_written(tmp_path: Path) -> None:
    """A folder that is gone, or a full disk: the part's output is read and lost."""
    log = tmp_path / "gone" / "x.log"
    log_writer.rotate(log)
    writer = log_writer.start(log, bytes_max=1)
    shutil.rmtree(log.parent)
    began_s = time.monotonic()
    writer.communicate(b"line\n" * 1_000_000, timeout=END_S)
    assert (writer.returncode, time.monotonic() - began_s < END_S) == (0, True)


def test_what_was_started_before_writes_no_more_than_the_size_after_its_log_was_moved_away(tmp_path: Path) -> None:
    """A part that was started again has a new log; the old writer never moves that one."""
    log = tmp_path / "x.log"
    old = log_writer.start(log, BYTES_MAX)
    assert old.stdin is not None
    old.stdin.write(b"old\n")
    old.stdin.flush()
    eventually(lambda: log.exists() and log.stat().st_size > 0, END_S, "the first line is written")
    log_writer.rotate(log)
    log.write_bytes(b"new\n")
    old.communicate(b"o" * 99 + b"\n" * (3 * BYTES_MAX), timeout=END_S)
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "x.log.1").stat().st_size <= BYTES_MAX


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_sizes_lose_no_more_than_they_must(tmp_path: Path, size: int) -> None:
    """No size makes the writer turn for ever."""
    writer = log_writer.start(tmp_path / "x.log", size)
    writer.communicate(b"a\n\nbcd\n", timeout=END_S)
    assert writer.returncode == 0
    assert (tmp_path / "x.log").stat().st_size <= size
