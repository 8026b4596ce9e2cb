"""Damage to the files while nobody looks. I8: refused or put aside and told, never silently shorter."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tally.ledger.format.identity import Refuse
from tally.ledger.storage.ledger import Ledger, Opened, Quarantined, Removed, Truncated
from tests_support.ledger.fake_disk import FakeDisk, PowerCut
from tests_support.ledger.files import (
    DIRECTORY,
    append_all,
    append_batch,
    assert_holds,
    batches_of,
    opened,
    states_after,
)
from tests_support.ledger.records import IDENTITY
from tests_support.running.faults import chosen_seed

BATCHES = batches_of(6)
STATES = states_after(BATCHES)
ROTATING = 700


def written(segment_bytes_max: int = 10**6) -> FakeDisk:
    disk = FakeDisk()
    opening = opened(disk, segment_bytes_max=segment_bytes_max)
    append_all(opening.ledger, opening.index, BATCHES)
    opening.ledger.close()
    return disk.copy()


def files_of(disk: FakeDisk) -> list[Path]:
    return [DIRECTORY / name for name in sorted(disk.names(DIRECTORY)) if name.endswith(".avro")]


def damaged(disk: FakeDisk, path: Path, data: bytes) -> FakeDisk:
    copy = disk.copy()
    copy.put(path, data)
    return copy


def assert_rebuilds(outcome: Opened) -> None:
    """Whatever was put aside: what is left is a prefix, and the topic's records bring the ledger to the same end."""
    assert outcome.ledger.state in STATES
    append_all(outcome.ledger, outcome.index, BATCHES[STATES.index(outcome.ledger.state) :])
    assert_holds(outcome, BATCHES)


def last_block_start(disk: FakeDisk, path: Path) -> int:
    """Where the last block begins: after the last but one sync marker."""
    data = disk.content(path)
    marker = data[-16:]
    return data.rindex(marker, 0, len(data) - 16) + 16


@pytest.mark.parametrize("segment_bytes_max", [10**6, ROTATING])
def test_a_flipped_bit_anywhere_is_noticed_and_rebuilt(segment_bytes_max: int) -> None:
    """A flipped bit in the last block cuts that block off, one anywhere else puts files aside, and both are rebuilt."""
    disk = written(segment_bytes_max)
    files = files_of(disk)
    for path in files:
        data = disk.content(path)
        last = last_block_start(disk, path) if path == files[-1] else len(data)
        stride = 3 if segment_bytes_max == ROTATING else 1
        # of the schema's text only some bytes: the header's tests try them all
        positions = [at for at in range(0, len(data), stride) if at > 4_500 or at % 53 == 0]
        for at in positions:
            changed = bytearray(data)
            changed[at] ^= 1 << at % 8
            copy = damaged(disk, path, bytes(changed))
            outcome = opened(copy, segment_bytes_max=segment_bytes_max)
            kinds = {type(mended) for mended in outcome.recovered}
            assert kinds == ({Truncated} if at >= last else {Quarantined}), (path.name, at)
            if kinds == {Quarantined}:
                assert any("quarantined-1" in name for name in copy.names(DIRECTORY))
            if at % 31 == 0:
                assert_rebuilds(outcome)


@pytest.mark.parametrize("within", [0, 1, 2, 40])
def test_a_flipped_bit_in_an_earlier_block_is_put_aside(within: int) -> None:
    """A flipped bit in an earlier block, also in its framing, puts the file aside and is not cut off as torn."""
    disk = written()
    (path,) = files_of(disk)
    data = bytearray(disk.content(path))
    marker = bytes(data[-16:])
    data[data.index(marker, data.index(marker) + 1) + 16 + within] ^= 4
    outcome = opened(damaged(disk, path, bytes(data)))
    assert [type(mended) for mended in outcome.recovered] == [Quarantined]
    assert_rebuilds(outcome)


def test_a_power_cut_while_files_are_put_aside_leaves_a_break_to_find() -> None:
    """After a power cut while files are put aside the next start still finds the damage and keeps as much (I8)."""
    rotten = written(ROTATING)
    files = files_of(rotten)
    data = bytearray(rotten.content(files[1]))
    data[-30] ^= 1
    rotten.put(files[1], bytes(data))
    mended = rotten.copy()
    reached = opened(mended).ledger.state
    rng = random.Random(chosen_seed())
    renames = [number for number, (operation, _) in enumerate(mended.log) if operation == "rename"]
    assert len(renames) >= 3
    for cut_at in range(renames[0], len(mended.log)):
        disk = rotten.copy()
        disk.cut_at = cut_at
        with pytest.raises(PowerCut):
            opened(disk)
        for _ in range(6):
            outcome = opened(disk.any_crash_state(rng))
            assert outcome.ledger.state == reached, f"operation {cut_at}"
    assert_rebuilds(outcome)


def test_every_shorter_file_yields_a_prefix_of_the_batches_and_says_what_it_cut() -> None:
    """A file cut at any byte behind its header opens with all whole batches and reports the part that was cut off."""
    disk = written()
    (path,) = files_of(disk)
    data = disk.content(path)
    marks = [at for at in range(len(data)) if data.startswith(data[-16:], at)]
    for length in range(marks[0] + 16, len(data)):
        outcome = opened(damaged(disk, path, data[:length]))
        whole = sum(at + 16 <= length for at in marks) - 1
        assert outcome.ledger.state == STATES[whole]
        on_boundary = any(at + 16 == length for at in marks)
        assert outcome.recovered == (() if on_boundary else (Truncated(path.name, length, marks[whole] + 16),))


@pytest.mark.parametrize("tail", [1, 15, 16, 20, 511, 512, 5_000])
def test_zeros_behind_the_last_block_are_cut_off(tail: int) -> None:
    """Zeros behind the last block, as some file systems leave them, are cut off, and every batch is still there."""
    disk = written()
    (path,) = files_of(disk)
    outcome = opened(damaged(disk, path, disk.content(path) + bytes(tail)))
    assert [type(mended) for mended in outcome.recovered] == [Truncated]
    assert_holds(outcome, BATCHES)


def test_zeros_in_place_of_the_last_block_cut_off_that_block_alone() -> None:
    """Zeros in place of the last block cost that block alone, and the topic brings it back."""
    disk = written()
    (path,) = files_of(disk)
    data, start = disk.content(path), last_block_start(disk, path)
    outcome = opened(damaged(disk, path, data[:start] + bytes(len(data) - start)))
    assert outcome.ledger.state == STATES[-2]
    assert_rebuilds(outcome)


def test_zeros_over_two_blocks_are_damage_only_when_a_sync_marker_stands_among_them() -> None:
    """Zeros over the last two blocks may be one torn append and are cut off, and a sync marker among them is rot."""
    disk = written()
    (path,) = files_of(disk)
    data, last, end = disk.content(path), last_block_start(disk, path), len(disk.content(path))
    start = data.rindex(data[-16:], 0, last - 16) + 16
    for zeros_end, file_end, kind in [
        (end, end, Truncated),
        (end - 40, end, Truncated),
        (last, end - 1, Truncated),
        (last - 16, end, Quarantined),
    ]:
        outcome = opened(damaged(disk, path, data[:start] + bytes(zeros_end - start) + data[zeros_end:file_end]))
        assert [type(mended) for mended in outcome.recovered] == [kind]
        assert outcome.ledger.state == (STATES[-3] if kind is Truncated else STATES[0])
        assert_rebuilds(outcome)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_missing_segment_is_noticed_and_rebuilt(number: int) -> None:
    """A missing segment puts every later one aside with that reason, and the ledger is rebuilt."""
    disk = written(ROTATING)
    files = files_of(disk)
    assert len(files) >= 4
    copy = disk.copy()
    copy.delete(files[number])
    outcome = opened(copy, segment_bytes_max=ROTATING)
    first = outcome.recovered[0]
    assert isinstance(first, Quarantined)
    assert "missing" in first.what
    assert [mended.file for mended in outcome.recovered] == [path.name for path in files[number + 1 :]]
    assert_rebuilds(outcome)


def test_a_segment_cut_at_a_block_is_noticed_by_the_next_one() -> None:
    """A segment that lacks its last blocks is noticed by the next one's header, which is put aside, and rebuilt."""
    disk = FakeDisk()
    opening = opened(disk, segment_bytes_max=5_000)
    append_all(opening.ledger, opening.index, BATCHES)
    disk = disk.copy()
    files = files_of(disk)
    cut = last_block_start(disk, files[0])
    outcome = opened(damaged(disk, files[0], disk.content(files[0])[:cut]), segment_bytes_max=5_000)
    assert isinstance(outcome.recovered[0], Quarantined)
    assert "missing" in outcome.recovered[0].what
    assert_rebuilds(outcome)


def test_two_exchanged_segments_are_noticed() -> None:
    """Two segments with each other's content are put aside, and the ledger is rebuilt."""
    disk = written(ROTATING)
    files = files_of(disk)
    copy = damaged(disk, files[1], disk.content(files[2]))
    copy.put(files[2], disk.content(files[1]))
    outcome = opened(copy, segment_bytes_max=ROTATING)
    assert isinstance(outcome.recovered[0], Quarantined)
    assert_rebuilds(outcome)


def test_a_lost_directory_is_rebuilt_with_an_equal_chain() -> None:
    """A ledger that is rebuilt from the topic in batches of other sizes ends with the same state and chain."""
    outcome = opened(FakeDisk())
    append_batch(outcome.ledger, outcome.index, [record for batch in BATCHES for record in batch])
    assert outcome.ledger.state == STATES[-1]


def test_quarantined_files_never_replace_each_other() -> None:
    """Each damaged file that is put aside gets a name of its own, so that none is lost."""
    disk = written()
    (path,) = files_of(disk)
    for count in (1, 2, 3):
        data = bytearray(disk.content(path))
        data[100] ^= 1
        disk.put(path, bytes(data))
        outcome = opened(disk)
        assert [mended.renamed_to for mended in outcome.recovered if isinstance(mended, Quarantined)] == [
            f"{path.name}.quarantined-{count}"
        ]
        append_all(outcome.ledger, outcome.index, BATCHES)
        outcome.ledger.close()


def test_what_was_mended_is_durable_when_the_ledger_is_open() -> None:
    """After a recovery a power cut brings back neither a torn tail nor a damaged file."""
    disk = written(ROTATING)
    path = files_of(disk)[-1]
    torn = damaged(disk, path, disk.content(path)[:-1])
    rotten = damaged(disk, path, b"x" + disk.content(path)[1:])
    for damage in (torn, rotten):
        opened(damage, segment_bytes_max=ROTATING)
        ((_, after),) = damage.crash_states()
        assert opened(after, segment_bytes_max=ROTATING).recovered == ()


def test_a_left_over_temporary_file_is_removed_and_told() -> None:
    """A temporary file of an unfinished segment is removed and reported, and every batch is still there."""
    disk = written()
    disk.put(DIRECTORY / f"{9:020d}.avro.tmp", b"half a header")
    outcome = opened(disk)
    assert outcome.recovered == (Removed(f"{9:020d}.avro.tmp"),)
    assert_holds(outcome, BATCHES)


def test_the_ledger_of_something_else_is_refused_and_not_touched() -> None:
    """A ledger of another topic, partition or number of partitions is refused with a cure and not changed."""
    disk = written(ROTATING)
    (path, *_) = files_of(disk)
    disk.put(DIRECTORY / f"{9:020d}.avro.tmp", b"half a header")
    disk = damaged(disk, path, disk.content(path)[:-1])
    before = {name: disk.content(DIRECTORY / name) for name in disk.names(DIRECTORY)}
    for other in (replace(IDENTITY, topic_id="new"), replace(IDENTITY, partition=4), replace(IDENTITY, partitions=24)):
        outcome = Ledger.open(DIRECTORY, other, disk=disk)
        assert isinstance(outcome, Refuse)
        assert outcome.cure
        assert {name: disk.content(DIRECTORY / name) for name in disk.names(DIRECTORY)} == before


def test_files_of_others_in_the_directory_are_left_alone() -> None:
    """Files that are no segments stay in the ledger's directory, and are not reported as damage."""
    disk = written()
    for name in ("notes.txt", "00000000000000000000.avro.bak", "12.avro", ".lock"):
        disk.put(DIRECTORY / name, b"mine")
    outcome = opened(disk)
    assert outcome.recovered == ()
    assert {"notes.txt", "00000000000000000000.avro.bak", "12.avro", ".lock"} <= set(disk.names(DIRECTORY))
