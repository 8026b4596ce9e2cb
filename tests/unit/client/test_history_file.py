"""The client's history file and the oracle's own reading of it agree, though they share no code."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from oracle import history as oracle
from tally.client.history import AttemptLog, HistoryError
from tally.client.outcomes import Addition, Committed, Position
from tally.client.retry import Failure
from tally.client.sending import Attempt
from tests_support.ledger.devices import device

ADDITION = Addition("7b0d7a3c-5d2f-4a9e-9f5a-0d6c1b2a3e4f", "1", "2")
COMMITTED = Committed(ADDITION.request_id, "3", True, Position("tally.sums.v1", 4, 5))
REFUSED = Failure("ABORTED", "again", not_committed=True)
LOST = Failure("UNAVAILABLE", "no answer: ä")
ATTEMPT = Attempt([ADDITION] * 3, [COMMITTED, REFUSED, LOST], 1.25, 2.5, 15.0)
CALLS = tuple(
    oracle.Call(request_id=ADDITION.request_id, a="1", b="2", started_s=1.25, ended_s=2.5, deadline_s=15.0, **said)
    for said in (
        {"outcome": oracle.Outcome.OK, "sum": "3", "duplicate": True, "partition": 4, "offset": 5},
        {"outcome": oracle.Outcome.FAIL, "status": "ABORTED", "detail": "again"},
        {"outcome": oracle.Outcome.UNKNOWN, "status": "UNAVAILABLE", "detail": "no answer: ä"},
    )
)
NO_HISTORIES = [b"a,b\n1,2\n3", b"no newline", b'{"kind": "other"}\n{"torn', b"\xff\xfe\n", b"[" * 99_999 + b"\n"]


def write(path: Path) -> None:
    log = AttemptLog(path)
    log(ATTEMPT)
    log.close()


def opened_by_the_client(path: Path) -> None:
    AttemptLog(path).close()


def opened_by_the_oracle(path: Path) -> None:
    oracle.HistoryFile(path).close()


OPENERS = pytest.mark.parametrize(
    ("opened", "error"),
    [(opened_by_the_client, HistoryError), (opened_by_the_oracle, oracle.HistoryError)],
    ids=["client", "oracle"],
)


def test_the_oracle_reads_what_the_client_wrote(tmp_path: Path) -> None:
    """The oracle reads each field of an attempt with the name and value that the client wrote."""
    path = tmp_path / "history.jsonl"
    write(path)
    assert oracle.read_history(path) == (CALLS, ())


def test_both_write_the_same_bytes(tmp_path: Path) -> None:
    """Client and oracle write the same bytes for the same attempts, fields in the same order."""
    ours, theirs = tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"
    write(ours)
    file = oracle.HistoryFile(theirs)
    file.write(calls=CALLS)
    file.close()
    assert ours.read_bytes() == theirs.read_bytes()
    assert json.loads(ours.read_bytes().splitlines()[0]).keys() == {"kind", *asdict(CALLS[0])}


@pytest.mark.parametrize("rest", [b"", b'{"kind": "call", "request'], ids=["whole", "torn"])
def test_each_goes_on_where_the_other_ended(tmp_path: Path, rest: bytes) -> None:
    """Client and oracle append to each other's file, and cut off a torn line at its end."""
    path, shown = tmp_path / "history.jsonl", oracle.Watermark(source="rest", partition=4, next_offset=6)
    file = oracle.HistoryFile(path)
    file.write(watermarks=[shown])
    file.close()
    path.write_bytes(path.read_bytes() + rest)
    write(path)
    opened_by_the_oracle(path)
    write(path)
    assert oracle.read_history(path) == (CALLS * 2, (shown,))


@OPENERS
@pytest.mark.parametrize("content", NO_HISTORIES, ids=range(len(NO_HISTORIES)))
def test_a_file_that_is_not_a_history_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes, opened: Callable[[Path], None], error: type[Exception]
) -> None:
    """A file that is no history is refused by its path and left unchanged, as it may be given by mistake."""
    path = tmp_path / "numbers.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=str(path)):
        opened(path)
    assert path.read_bytes() == content


@OPENERS
@pytest.mark.parametrize("name", ["null", "pipe", "folder"])
def test_what_is_not_a_file_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    opened: Callable[[Path], None],
    error: type[Exception],
) -> None:
    """A device, pipe or folder is refused as a history, since nothing could be read from it again."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    with pytest.raises(error, match="regular file"):
        opened(device(tmp_path, name) if name == "null" else Path(name))


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    """A second writer of a history is refused, be it the client or the oracle, until the first has closed it."""
    path = tmp_path / "history.jsonl"
    log = AttemptLog(path)
    for opened, error in ((opened_by_the_client, HistoryError), (opened_by_the_oracle, oracle.HistoryError)):
        with pytest.raises(error, match="another process"):
            opened(path)
    log.close()
    opened_by_the_client(path)
