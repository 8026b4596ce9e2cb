"""Verifying a ledger offline: every damage is found, with its file and place, and nothing is changed."""

from pathlib import Path

import pytest

from tally.event.codes import CONFLICT, COUNTED, DUPLICATE
from tally.ledger.format.block import Block, decode_block, encode_block
from tally.ledger.format.header import Header
from tally.ledger.format.mark import mark_of
from tally.ledger.state.fold import LedgerState
from tally.ledger.storage.disk import RealDisk
from tally.ledger.storage.lock import lock_replica_directory
from tally.ledger.storage.series import header_of
from tally.ledger.verify import NoLedger, Report, verify_directory
from tests_support.ledger.files import append_all, batches_of, opened, states_after

BATCHES = batches_of(6)
STATE = states_after(BATCHES)[-1]
ROTATING = 700


def ledger(folder: Path, segment_bytes_max: int = 10**6) -> Path:
    """Write a ledger where a replica has it, and return its directory."""
    directory = folder / "consumer" / "0" / "ledger" / "tally.sums.v1-3"
    opening = opened(directory=directory, segment_bytes_max=segment_bytes_max)
    append_all(opening.ledger, opening.index, BATCHES)
    opening.ledger.close()
    return directory


def files_of(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.avro"))


def one_problem(report: Report, path: Path, word: str) -> None:
    assert not report.ok
    assert [(problem.file, word in problem.what) for problem in report.problems] == [(path, True)], report.problems


@pytest.mark.parametrize("segment_bytes_max", [10**6, ROTATING])
def test_a_good_ledger_is_ok_and_summed_up(tmp_path: Path, segment_bytes_max: int) -> None:
    """A sound ledger is ok, with its counts, chain, next offset, rows, segments and identity in the report."""
    directory = ledger(tmp_path, segment_bytes_max)
    report = verify_directory(directory)
    (found,) = report.ledgers
    assert report.ok
    assert (found.counts, found.chain, found.next_offset) == (STATE.counts, STATE.chain.value, STATE.next_offset)
    assert found.counts.rows == sum(map(len, BATCHES))
    assert found.segments == len(files_of(directory))
    assert found.notes == ()
    assert found.identity is not None
    assert found.identity.partition == 3


def test_a_tree_of_ledgers_is_verified_in_order_of_partition(tmp_path: Path) -> None:
    """All ledgers below a folder are verified, in the numerical order of their partitions."""
    directory = ledger(tmp_path)
    directory.rename(directory.with_name("tally.sums.v1-10"))
    ledger(tmp_path)
    assert [found.directory.name for found in verify_directory(tmp_path).ledgers] == [
        "tally.sums.v1-3",
        "tally.sums.v1-10",
    ]


def test_a_path_without_a_ledger_is_told_apart_from_a_good_one(tmp_path: Path) -> None:
    """A folder without a ledger raises NoLedger instead of being reported as sound."""
    (tmp_path / "notes.avro").write_bytes(b"x")
    with pytest.raises(NoLedger, match="holds no ledger"):
        verify_directory(tmp_path)


def test_a_flipped_bit_is_found_in_its_block_and_nothing_is_written(tmp_path: Path) -> None:
    """A flipped bit anywhere is one problem with its file and block position, and the verification writes nothing."""
    (path,) = files_of(ledger(tmp_path))
    data = path.read_bytes()
    for at in range(0, len(data), 37):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        report = verify_directory(tmp_path)
        assert len(report.problems) == 1, at
        (problem,) = report.problems
        assert problem.file == path
        assert problem.position_bytes <= at
        assert data[problem.position_bytes : at].count(data[-16:]) <= 1, "the position is that of the damaged block"
        assert problem.what
        assert path.read_bytes() == bytes(changed)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [path.name]


def test_a_torn_tail_is_a_problem_at_rest_and_a_note_while_the_consumer_runs(tmp_path: Path) -> None:
    """A torn tail is a problem of a stopped consumer's ledger, and a note on one that is being written."""
    (path,) = files_of(ledger(tmp_path))
    path.write_bytes(path.read_bytes()[:-5])
    one_problem(verify_directory(tmp_path), path, "torn tail")
    with lock_replica_directory(tmp_path / "consumer" / "0"):
        report = verify_directory(path.parent)
    assert report.ok
    assert "being written" in report.ledgers[0].notes[0]


def test_every_damaged_file_of_a_series_is_told(tmp_path: Path) -> None:
    """Each damaged segment is reported, and not the first one alone."""
    files = files_of(ledger(tmp_path, ROTATING))
    for path in (files[1], files[3]):
        data = bytearray(path.read_bytes())
        data[-40] ^= 1
        path.write_bytes(data)
    report = verify_directory(tmp_path)
    assert {problem.file for problem in report.problems} >= {files[1], files[3]}


def test_a_missing_segment_is_found(tmp_path: Path) -> None:
    """A missing segment is reported at the segment behind the gap."""
    files = files_of(ledger(tmp_path, ROTATING))
    files[1].unlink()
    report = verify_directory(tmp_path)
    assert report.problems[0].file == files[2]
    assert "missing" in report.problems[0].what


def test_a_missing_first_segment_is_found(tmp_path: Path) -> None:
    """A ledger that lacks its first segment is reported, though the rest is sound."""
    files = files_of(ledger(tmp_path, ROTATING))
    files[0].unlink()
    assert "missing" in verify_directory(tmp_path).problems[0].what


def test_a_file_that_was_put_aside_is_noted(tmp_path: Path) -> None:
    """A segment that was put aside is a note of the verification, so that nobody overlooks it."""
    (path,) = files_of(ledger(tmp_path))
    path.rename(path.with_name(path.name + ".quarantined-1"))
    report = verify_directory(tmp_path)
    assert "put aside" in report.ledgers[0].notes[0]


@pytest.mark.parametrize(("had", "claimed"), [(DUPLICATE, COUNTED), (CONFLICT, DUPLICATE), (COUNTED, CONFLICT)])
def test_a_row_of_a_wrong_kind_is_found_though_every_checksum_is_right(tmp_path: Path, had: int, claimed: int) -> None:
    """A row of a wrong kind is found even where chain, counts, total and CRCs were all made to fit."""
    (path,) = files_of(ledger(tmp_path))
    header = header_of(RealDisk(), path)
    assert isinstance(header, Header)
    state, out, changed = LedgerState.empty(), path.read_bytes()[: header.size_bytes], False
    for block in blocks_of(path, header):
        rows = block.rows.copy()
        at = [k for k, row in enumerate(rows) if row["kind"] == had]
        if at and not changed:
            rows["kind"][at[0]] = claimed
            changed = True
        state = state.advance(rows)
        out += encode_block(rows, mark_of(state), header.sync)
    path.write_bytes(out)
    assert changed
    assert "must be" in verify_directory(tmp_path).problems[0].what


def blocks_of(path: Path, header: Header) -> list[Block]:
    found = []
    data = path.read_bytes()[header.size_bytes :]
    while data:
        end = data.index(header.sync) + len(header.sync)
        block = decode_block(data[:end], header.sync)
        assert isinstance(block, Block)
        found.append(block)
        data = data[end:]
    return found
