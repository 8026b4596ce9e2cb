"""Reading a ledger while it is written: the fsynced prefix, all of it, and nothing else."""

import errno
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from tally.event.codes import POISON
from tally.ledger.format.header import Header
from tally.ledger.state.chain import ChainState
from tally.ledger.storage.disk import RealDisk
from tally.ledger.storage.errors import LedgerDamaged, LedgerSyncFailed
from tally.ledger.storage.series import header_of
from tests_support.ledger.fake_disk import FakeDisk
from tests_support.ledger.files import all_rows, append_all, append_batch, assert_holds, batches_of, opened
from tests_support.ledger.records import SCHEMA_ID, SCHEMAS, addition, decoded, folded, plain

BATCHES = batches_of(60, 40)
"""Some 270 KB: several entries of the sparse index, several windows of the chain."""
SMALL_SEGMENTS = 50_000


@pytest.mark.parametrize("segment_bytes_max", [10**9, SMALL_SEGMENTS])
def test_every_way_of_reading_gives_the_rows_of_its_range(segment_bytes_max: int) -> None:
    """Blocks, pages, single rows and poison each give exactly the rows of their range, in one segment or in many."""
    opening = opened(FakeDisk(), segment_bytes_max=segment_bytes_max)
    append_all(opening.ledger, opening.index, BATCHES)
    ledger, rows = opening.ledger, plain(all_rows(opening.ledger))
    end = ledger.state.next_offset
    assert len(rows) == sum(map(len, BATCHES))
    for first, last in [
        (0, end),
        (0, 0),
        (7, 8),
        (1_000, 1_500),
        (41, 42),
        (end - 1, end),
        (end, end + 5),
        (2_000, 9**9),
    ]:
        found = [row for block in ledger.view.blocks(first, last) for row in plain(block)]
        assert found == [row for row in rows if first <= row.offset < last]
    for after, limit in [(-1, 5), (-1, 0), (39, 1), (1_700, 100), (end, 10), (end - 3, 100)]:
        assert plain(ledger.view.read(after, limit)) == [row for row in rows if row.offset > after][:limit]
    for row in rows[::17]:
        found_row = ledger.view.row_at(row.offset)
        assert found_row is not None
        assert plain(found_row) == [row]
    assert ledger.view.row_at(end) is None
    assert ledger.view.row_at(40) is None, "the place of a commit marker has no row"
    for since in (0, 1_234, end):
        assert plain(ledger.view.poison_since(since)) == [r for r in rows if r.kind == POISON and r.offset >= since]


@pytest.mark.parametrize("segment_bytes_max", [10**9, SMALL_SEGMENTS])
def test_the_chain_at_any_offset_is_that_of_the_rows_below_it(segment_bytes_max: int) -> None:
    """The chain at any offset is that of the rows below it, before and after the ledger is opened again."""
    disk = FakeDisk()
    opening = opened(disk, segment_bytes_max=segment_bytes_max)
    append_all(opening.ledger, opening.index, BATCHES)
    rows = all_rows(opening.ledger)
    for ledger in (opening.ledger, opened(disk.copy(), segment_bytes_max=segment_bytes_max).ledger):
        for offset in (0, 1, 41, 42, 1_023, 1_024, 1_025, 2_048, 2_300, ledger.state.next_offset):
            expected = ChainState.empty().advance(rows[rows["offset"] < offset]).value_at(offset)
            assert ledger.view.chain_at(offset) == expected, offset


def test_the_first_chain_is_known_to_a_ledger_without_rows() -> None:
    """An empty ledger knows the chain at offset 0, which is all zeros."""
    assert opened(FakeDisk()).ledger.view.chain_at(0) == bytes(16)


def test_a_block_is_visible_only_after_its_fsync() -> None:
    """Readers see no row of a block before its fsync, and none at all when the fsync fails."""
    disk = FakeDisk()
    opening = opened(disk)
    append_all(opening.ledger, opening.index, BATCHES[:2])
    seen = []

    def look(operation: str, path: Path) -> OSError | None:
        if operation in ("write", "sync"):
            disk.fail = None
            seen.append(len(all_rows(opening.ledger)))
            disk.fail = look
        return OSError(errno.EIO, "EIO") if operation == "sync" else None

    disk.fail = look
    with pytest.raises(LedgerSyncFailed):
        append_batch(opening.ledger, opening.index, BATCHES[2])
    disk.fail = None
    two = len(BATCHES[0]) + len(BATCHES[1])
    assert seen == [two, two]
    assert len(all_rows(opening.ledger)) == two


def test_readers_in_other_threads_see_whole_prefixes_while_the_writer_appends(tmp_path: Path) -> None:
    """Readers in other threads always see whole batches from the start on, never fewer than before, and all at last."""
    opening = opened(directory=tmp_path, segment_bytes_max=SMALL_SEGMENTS)
    ends = {0} | {batch[-1].offset + 1 for batch in BATCHES}
    wrong: list[str] = []
    done, started = threading.Event(), threading.Barrier(4)

    def read() -> None:
        started.wait(timeout=30)
        lengths = []
        while True:
            last = done.is_set()
            offsets = [int(offset) for rows in opening.ledger.view.blocks(0, 10**9) for offset in rows["offset"]]
            lengths.append(len(offsets))
            if any(a >= b for a, b in pairwise(offsets)) or (offsets[-1] + 1 if offsets else 0) not in ends:
                wrong.append(f"{len(offsets)} rows up to {offsets[-1:]}")
            if last:
                break
        if lengths != sorted(lengths) or lengths[-1] != sum(map(len, BATCHES)):
            wrong.append(f"lengths {lengths}")

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait(timeout=30)
    append_all(opening.ledger, opening.index, BATCHES)
    done.set()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []
    assert not any(thread.is_alive() for thread in threads)
    opening.ledger.close()


def test_a_block_that_rots_while_the_ledger_is_open_is_damage_and_never_less_rows() -> None:
    """A block damaged while the ledger is open raises LedgerDamaged with its file, instead of giving fewer rows."""
    disk = FakeDisk()
    opening = opened(disk)
    append_all(opening.ledger, opening.index, BATCHES)
    (info,) = opening.ledger.segments()
    data = bytearray(disk.content(info.path))
    data[len(data) // 2] ^= 1
    disk.put(info.path, bytes(data))
    with pytest.raises(LedgerDamaged, match=str(info.path)):
        all_rows(opening.ledger)


def test_segments_tell_their_ranges_and_only_the_last_is_open(tmp_path: Path) -> None:
    """Segments cover all offsets without a gap, with true names and sizes, and all but the last are sealed."""
    opening = opened(directory=tmp_path / "t-3", segment_bytes_max=SMALL_SEGMENTS)
    assert opening.ledger.segments() == ()
    append_all(opening.ledger, opening.index, BATCHES)
    infos = opening.ledger.segments()
    assert len(infos) >= 4
    assert [info.sealed for info in infos] == [True] * (len(infos) - 1) + [False]
    assert [info.next_offset for info in infos[:-1]] == [info.first_offset for info in infos[1:]]
    assert infos[0].first_offset == 0
    assert infos[-1].next_offset == opening.ledger.state.next_offset
    for info in infos:
        assert info.path.name == f"{info.first_offset:020d}.avro"
        assert info.path.stat().st_size == info.size_bytes
    opening.ledger.close()
    again = opened(directory=tmp_path / "t-3")
    assert again.recovered == ()
    assert_holds(again, BATCHES)
    again.ledger.close()


def test_a_new_writer_schema_begins_a_segment_whose_header_pins_all_so_far(tmp_path: Path) -> None:
    """A schema id that is new to the ledger starts a segment, whose header pins every id so far."""
    opening = opened(directory=tmp_path)
    ledger, index = opening.ledger, opening.index
    for offset, schemas in enumerate([SCHEMAS, SCHEMAS, {99: "e" * 64}, SCHEMAS | {99: "e" * 64}]):
        outcome = folded(ledger.state, index, [addition(offset, offset)])
        ledger.append(outcome.rows, outcome.state, schemas)
    assert [info.first_offset for info in ledger.segments()] == [0, 2]
    assert ledger.schemas == {SCHEMA_ID: SCHEMAS[SCHEMA_ID], 99: "e" * 64}
    headers = [header_of(RealDisk(), info.path) for info in ledger.segments()]
    assert [header.schemas for header in headers if isinstance(header, Header)] == [SCHEMAS, ledger.schemas]
    ledger.close()
    again = opened(directory=tmp_path)
    assert again.ledger.schemas == ledger.schemas
    again.ledger.close()


def test_a_wrong_append_is_stopped_before_anything_is_written() -> None:
    """An append that does not follow from the ledger's state raises AssertionError before a byte is written."""
    disk = FakeDisk()
    opening = opened(disk)
    ledger, index = opening.ledger, opening.index
    append_all(ledger, index, BATCHES[:1])
    old = folded(opened(FakeDisk()).ledger.state, opened(FakeDisk()).index, BATCHES[0])
    new = folded(ledger.state, index, [addition(1_000, 900), addition(1_001, 901)])
    done = len(disk.log)
    with pytest.raises(AssertionError):
        ledger.append(old.rows, old.state, SCHEMAS)
    with pytest.raises(AssertionError):
        ledger.append(new.rows[1:], new.state, SCHEMAS)
    with pytest.raises(AssertionError):
        ledger.append(new.rows, ledger.state, SCHEMAS)
    with pytest.raises(AssertionError):
        ledger.append(new.rows, new.state, {SCHEMA_ID: "0" * 64})
    assert disk.log[done:] == []
    ledger.append(new.rows, new.state, SCHEMAS)
    assert decoded([addition(1_000, 900)]).rows["offset"][0] == 1_000
