"""Power cuts: at every file operation, in every state that the disk may be left in.

I7: recovery yields the batches that were fsynced, or one more; never fewer, and never anything else.
"""

import os
import random
from dataclasses import dataclass

import pytest

from tally.ledger.state.fold import LedgerState
from tally.ledger.storage.ledger import Quarantined
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
from tests_support.running.faults import chosen_seed

BATCHES = batches_of(6)
STATES = states_after(BATCHES)
ROTATING = 700
"""Bytes at which a segment is sealed: every batch or two begins a new one, as a header alone is longer."""
DRAWS = int(os.environ.get("TALLY_TEST_DRAWS") or 4)
"""Crash states that are drawn for each operation, of those that are too many to try them all."""


@dataclass
class Run:
    """What a run had acknowledged when the power went."""

    fsynced: int
    disk: FakeDisk


def run_until(cut_at: int | None, segment_bytes_max: int, start: FakeDisk | None = None) -> Run:
    """Open and append all batches, until the power goes at the given operation."""
    disk = start.copy() if start else FakeDisk()
    disk.cut_at = cut_at
    run = Run(0, disk)
    try:
        opening = opened(disk, segment_bytes_max=segment_bytes_max)
        run.fsynced = STATES.index(opening.ledger.state)
        for batch in BATCHES[run.fsynced :]:
            append_batch(opening.ledger, opening.index, batch)
            run.fsynced += 1
    except PowerCut:
        pass
    return run


def operations(segment_bytes_max: int, start: FakeDisk | None = None) -> int:
    return len(run_until(None, segment_bytes_max, start).disk.log)


def batches_in(state: LedgerState) -> int:
    assert state in STATES, f"{state} is the state after no batch"
    return STATES.index(state)


@pytest.mark.parametrize("segment_bytes_max", [10**6, 5_000, ROTATING])
def test_after_a_power_cut_at_any_operation_the_fsynced_batches_are_there_or_one_more(segment_bytes_max: int) -> None:
    """After a power cut at any operation every fsynced batch is there, or one more, and no file is put aside."""
    tried = 0
    for cut_at in range(operations(segment_bytes_max)):
        run = run_until(cut_at, segment_bytes_max)
        for label, disk in run.disk.crash_states(step_bytes=13):
            opening = opened(disk, segment_bytes_max=segment_bytes_max)
            found = batches_in(opening.ledger.state)
            assert run.fsynced <= found <= run.fsynced + 1, f"operation {cut_at}, {label}"
            assert not any(isinstance(mended, Quarantined) for mended in opening.recovered), f"{cut_at}, {label}"
            assert not any(name.endswith(".tmp") for name in disk.names(DIRECTORY))
            tried += 1
    assert tried > 100


def test_every_byte_of_an_append_may_be_the_last_that_was_written() -> None:
    """Whichever byte of an append is its last on the disk, the batch is there as a whole or not at all."""
    run = run_until(operations(10**6) - 1, 10**6)
    assert run.fsynced == len(BATCHES) - 1
    outcomes = set()
    for label, disk in run.disk.crash_states():
        found = batches_in(opened(disk).ledger.state)
        assert run.fsynced <= found <= run.fsynced + 1, label
        outcomes.add(found)
    assert outcomes == {run.fsynced, run.fsynced + 1}


def test_a_ledger_goes_on_after_every_power_cut_to_the_same_end() -> None:
    """After a power cut at any operation, the remaining batches lead to the same ledger as without one."""
    for cut_at in range(operations(ROTATING)):
        run = run_until(cut_at, ROTATING)
        for _, disk in run.disk.crash_states(step_bytes=301):
            opening = opened(disk, segment_bytes_max=ROTATING)
            append_all(opening.ledger, opening.index, BATCHES[batches_in(opening.ledger.state) :])
            assert_holds(opening, BATCHES)
            again = opened(disk, segment_bytes_max=ROTATING)
            assert again.recovered == ()
            assert_holds(again, BATCHES)


def test_a_power_cut_during_recovery_is_recovered_from() -> None:
    """A power cut at any operation of a recovery from a torn tail loses no fsynced batch."""
    torn = run_until(operations(10**6) - 1, 10**6)
    *_, (_, disk) = torn.disk.crash_states(step_bytes=50)
    for cut_at in range(operations(10**6, disk)):
        run = run_until(cut_at, 10**6, disk)
        for label, after in run.disk.crash_states(step_bytes=50):
            assert batches_in(opened(after).ledger.state) >= max(run.fsynced, torn.fsynced), label


def test_a_new_segment_whose_name_is_not_on_the_disk_takes_no_fsynced_batch_with_it() -> None:
    """A new segment is fsynced, renamed, and its directory fsynced before anything is appended to it."""
    disk = run_until(None, ROTATING).disk
    renames = [n for n, (operation, _) in enumerate(disk.log) if operation == "rename"]
    assert len(renames) >= 3
    for n in renames:
        assert [operation for operation, _ in disk.log[n - 1 : n + 3]] == ["sync", "rename", "sync_dir", "write"]


@pytest.mark.parametrize("segment_bytes_max", [10**6, ROTATING])
def test_a_power_cut_right_after_an_append_finds_its_batch(segment_bytes_max: int) -> None:
    """A power cut right after an append returns finds its batch on the disk (I4)."""
    disk = FakeDisk()
    opening = opened(disk, segment_bytes_max=segment_bytes_max)
    for number, batch in enumerate(BATCHES, start=1):
        append_batch(opening.ledger, opening.index, batch)
        assert opened(disk.without_power()).ledger.state == STATES[number]


@pytest.mark.parametrize("segment_bytes_max", [10**6, ROTATING])
def test_sectors_lost_garbled_or_zeroed_cost_no_fsynced_batch(segment_bytes_max: int) -> None:
    """Lost, zeroed or garbled sectors of an unfinished write cost no fsynced batch and put no file aside (I7)."""
    rng = random.Random(chosen_seed())
    for cut_at in range(operations(segment_bytes_max)):
        run = run_until(cut_at, segment_bytes_max)
        for _ in range(DRAWS):
            opening = opened(run.disk.any_crash_state(rng), segment_bytes_max=segment_bytes_max)
            assert run.fsynced <= batches_in(opening.ledger.state) <= run.fsynced + 1, f"operation {cut_at}"
            assert not any(isinstance(mended, Quarantined) for mended in opening.recovered), f"operation {cut_at}"


def test_power_cuts_one_after_another_cost_no_fsynced_batch() -> None:
    """Many power cuts in a row, also during recoveries, cost no fsynced batch (I7)."""
    rng = random.Random(chosen_seed())
    disk, fsynced = FakeDisk(), 0
    for _ in range(25 * DRAWS):
        run = run_until(rng.randrange(12), rng.choice((700, 5_000)), disk)
        fsynced = max(fsynced, run.fsynced)
        disk = run.disk.any_crash_state(rng)
    assert batches_in(opened(disk).ledger.state) >= fsynced


def test_sectors_garbled_where_a_block_is_rewritten_in_place_leave_a_prefix_and_are_told() -> None:
    """A disk that harms sectors which it overwrites costs at most the last batch, and the loss is reported (I8)."""
    rng = random.Random(chosen_seed())
    whole = run_until(None, ROTATING).disk
    last = operations(ROTATING, whole)
    for cut_at in range(last - 4, last):
        for _ in range(4 * DRAWS):
            after = run_until(cut_at, ROTATING, whole).disk.any_crash_state(rng, in_place=True)
            opening = opened(after, segment_bytes_max=ROTATING)
            found = batches_in(opening.ledger.state)
            assert found >= len(BATCHES) - 1
            assert found == len(BATCHES) or opening.recovered
