"""The history keeps every try, in memory and on the disk."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from oracle.history import Call, History, HistoryError, HistoryFile, Outcome, Watermark, read_history
from tests_support.ledger.devices import device

CALL = Call(request_id="id", a="1", b="2", outcome=Outcome.OK, sum="3", partition=4, offset=5)
LOST = Call(request_id="lost", a="1", b="2", outcome=Outcome.UNKNOWN, status="UNAVAILABLE", deadline_s=2.5)
SHOWN = Watermark(source="rest", partition=4, next_offset=6, at_s=1.5)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """Calls and watermarks are read back from the file as they were recorded."""
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
        history.record(LOST)
        history.observe(SHOWN)
    assert read_history(path) == ((CALL, LOST), (SHOWN,))
    assert history.calls() == (CALL, LOST)


def test_each_try_is_on_the_disk_before_the_log_is_closed(tmp_path: Path) -> None:
    """A recorded call can be read from the file at once, so that a killed test loses none."""
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.record(CALL)
    assert read_history(path)[0] == (CALL,)
    history.close()


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    """A last line without its end is not read, since the writer was killed within it."""
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "call", "request')
    assert read_history(path) == ((CALL,), ())


def test_only_ids_with_an_ok_are_acknowledged() -> None:
    """Only ids whose call was answered with OK are acknowledged, and outcomes are counted by kind."""
    history = History()
    history.record(CALL)
    history.record(LOST)
    assert history.acknowledged() == {"id"}
    assert history.counts() == {"ok": 1, "unknown": 1}


def test_a_second_run_goes_on_behind_the_last_whole_line(tmp_path: Path) -> None:
    """A history opened again drops a torn last line and appends after the last whole one."""
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "call", "request')
    with History(path) as history:
        history.record(LOST)
    assert read_history(path) == ((CALL, LOST), ())


def test_two_processes_cannot_write_one_file(tmp_path: Path) -> None:
    """A history that is open for writing cannot be opened a second time until it is closed."""
    path = tmp_path / "history.jsonl"
    first = HistoryFile(path)
    with pytest.raises(HistoryError, match="another process"):
        HistoryFile(path)
    first.close()
    HistoryFile(path).close()


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n3", b"no newline", b'{"kind": "other"}\n{"torn', b"\xff\xfe\n", b"[" * 99_999 + b"\n"]
)
def test_a_file_that_is_no_history_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """A file with other content is refused by name and not changed by a byte."""
    path = tmp_path / "numbers.csv"
    path.write_bytes(content)
    with pytest.raises(HistoryError, match=str(path)):
        HistoryFile(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["null", "pipe", "folder"])
def test_what_is_no_file_holds_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A device, a pipe or a folder is refused as a history."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    with pytest.raises(HistoryError, match="is not a regular file"):
        HistoryFile(device(tmp_path, name) if name == "null" else Path(name))


def test_a_very_long_history_is_opened_by_its_ends(tmp_path: Path) -> None:
    """A long history with a long torn last line is opened, and the next call follows the whole ones."""
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        for _ in range(2_000):
            history.record(CALL)
    with path.open("ab") as file:
        file.write(b'{"kind": "call", "detail": "' + b"x" * 200_000)
    with History(path) as history:
        history.record(LOST)
    assert len(read_history(path)[0]) == 2_001


def test_a_disk_that_becomes_full_leaves_no_torn_line_before_the_next_one(tmp_path: Path) -> None:
    """A write that fails on a full disk leaves whole lines only, one for each call that was recorded."""
    path = tmp_path / "history.jsonl"
    script = (
        "import sys; from pathlib import Path; from oracle.history import Call, HistoryFile, Outcome\n"
        "file, n = HistoryFile(Path(sys.argv[1])), 0\n"
        "try:\n"
        "    for n in range(10_000): file.write(calls=[Call(request_id=str(n), a='1', b='2', outcome=Outcome.OK)])\n"
        "except OSError: print(n)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )
    assert path.read_bytes().endswith(b"\n")
    assert len(read_history(path)[0]) == int(done.stdout)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[" * 99_999,
        b"not json",
        b"5",
        b"[]",
        b'{"kind": []}',
        b'{"kind": "guess"}',
        b'{"kind": "call"}',
        b'{"kind": "watermark", "offset": 1}',
        b'{"kind": "watermark", "source": "rest", "partition": "x", "next_offset": 1}',
    ],
)
def test_a_line_of_any_other_bytes_is_refused_with_file_and_number(tmp_path: Path, line: bytes) -> None:
    """A line that is not an entry of a history is refused with its file, its number and what is allowed."""
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
    with path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(HistoryError, match=f"{path}:2: .*each line is a JSON object with kind call or watermark"):
        read_history(path)
