"""The history keeps every try, in memory and on the disk."""

from pathlib import Path

import pytest

from oracle.history import Call, History, HistoryError, HistoryFile, Outcome, Watermark, read_history

CALL = Call(request_id="id", a="1", b="2", outcome=Outcome.OK, sum="3", partition=4, offset=5)
LOST = Call(request_id="lost", a="1", b="2", outcome=Outcome.UNKNOWN, status="UNAVAILABLE", deadline_s=2.5)
SHOWN = Watermark(source="rest", partition=4, next_offset=6, at_s=1.5)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
        history.record(LOST)
        history.observe(SHOWN)
    assert read_history(path) == ((CALL, LOST), (SHOWN,))
    assert history.calls() == (CALL, LOST)


def test_each_try_is_on_the_disk_before_the_log_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.record(CALL)
    assert read_history(path)[0] == (CALL,)
    history.close()


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "call", "request')
    assert read_history(path) == ((CALL,), ())


def test_only_ids_with_an_ok_are_acknowledged() -> None:
    history = History()
    history.record(CALL)
    history.record(LOST)
    assert history.acknowledged() == {"id"}
    assert history.counts() == {"ok": 1, "unknown": 1}


def test_a_second_run_goes_on_behind_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "call", "request')
    with History(path) as history:
        history.record(LOST)
    assert read_history(path) == ((CALL, LOST), ())


def test_two_processes_cannot_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    first = HistoryFile(path)
    with pytest.raises(HistoryError, match="another process"):
        HistoryFile(path)
    first.close()
    HistoryFile(path).close()


@pytest.mark.parametrize(
    "line", ["not json", "[]", '{"kind": "guess"}', '{"kind": "call"}', '{"kind": "watermark", "offset": 1}']
)
def test_a_line_that_is_none_is_refused_with_file_and_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "history.jsonl"
    with History(path) as history:
        history.record(CALL)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(HistoryError, match=r"history\.jsonl:2: .*no line of a history"):
        read_history(path)
