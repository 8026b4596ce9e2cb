"""Errors of the disk while a ledger is written."""

import errno
from pathlib import Path

import pytest

from tally.event.rows import no_rows
from tally.ledger.storage.errors import LedgerFailed, LedgerFull, LedgerSyncFailed
from tests_support.ledger.fake_disk import Fail, FakeDisk
from tests_support.ledger.files import append_all, append_batch, assert_holds, batches_of, opened
from tests_support.ledger.records import SCHEMAS

BATCHES = batches_of(4)


def failing(operation: str, code: int, *, suffix: str = "") -> Fail:
    def fail(seen: str, path: Path) -> OSError | None:
        return OSError(code, errno.errorcode[code]) if seen == operation and path.name.endswith(suffix) else None

    return fail


def short_write(seen: str, path: Path) -> int | None:
    return 100 if seen == "write" else None


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_failed_fsync_is_fatal_and_never_tried_again(code: int) -> None:
    """After a failed fsync the ledger refuses every append without touching the disk, and its state stays as it was."""
    disk = FakeDisk()
    opening = opened(disk)
    append_all(opening.ledger, opening.index, BATCHES[:1])
    disk.fail = failing("sync", code)
    before = opening.ledger.state
    with pytest.raises(LedgerSyncFailed, match=errno.errorcode[code]):
        append_batch(opening.ledger, opening.index, BATCHES[1])
    disk.fail, done = None, len(disk.log)
    with pytest.raises(LedgerFailed):
        append_batch(opening.ledger, opening.index, BATCHES[1])
    assert disk.log[done:] == []
    assert opening.ledger.state == before


def test_an_fsync_that_fails_once_is_not_tried_again() -> None:
    """An append whose fsync fails once does not fsync again, as a second one would succeed and prove nothing."""
    disk = FakeDisk()
    opening = opened(disk)
    append_all(opening.ledger, opening.index, BATCHES[:1])
    answers = [OSError(errno.EIO, "EIO")]
    disk.fail = lambda seen, path: answers.pop() if seen == "sync" and answers else None
    with pytest.raises(LedgerSyncFailed):
        append_batch(opening.ledger, opening.index, BATCHES[1])
    assert [operation for operation, _ in disk.log[-2:]] == ["write", "sync"]


def test_what_a_failed_fsync_left_in_the_cache_is_durable_before_the_next_start_relies_on_it() -> None:
    """A block whose fsync failed is counted by the next start only after it is durable, whatever power cut follows."""
    disk = FakeDisk()
    opening = opened(disk)
    append_all(opening.ledger, opening.index, BATCHES[:2])
    disk.fail = failing("sync", errno.EIO)
    with pytest.raises(LedgerSyncFailed):
        append_batch(opening.ledger, opening.index, BATCHES[2])
    disk.fail = None
    assert_holds(opened(disk), BATCHES[:3])
    assert_holds(opened(disk.without_power()), BATCHES[:3])


def test_a_header_whose_directory_fsync_failed_is_durable_after_the_next_start() -> None:
    """A segment whose directory fsync failed is durable once the next start has appended to it."""
    disk = FakeDisk(fail=None)
    opening = opened(disk)
    disk.fail = failing("sync_dir", errno.EIO)
    with pytest.raises(LedgerSyncFailed):
        append_batch(opening.ledger, opening.index, BATCHES[0])
    disk.fail = None
    again = opened(disk)
    append_batch(again.ledger, again.index, BATCHES[0])
    assert_holds(opened(disk.without_power()), BATCHES[:1])


NO_ROOM = [failing("write", errno.ENOSPC), failing("write", errno.EDQUOT), short_write]
NO_FILE = [failing("create", errno.ENOSPC), failing("create", errno.EMFILE)]
ONE_SEGMENT, ROTATING = 10**6, 700


@pytest.mark.parametrize(
    ("fail", "segment_bytes_max", "had"),
    [(fail, limit, had) for fail in NO_ROOM for limit in (ONE_SEGMENT, ROTATING) for had in (0, 2)]
    + [(fail, limit, had) for fail in NO_FILE for limit, had in ((ONE_SEGMENT, 0), (ROTATING, 0), (ROTATING, 2))],
)
def test_without_room_nothing_is_appended_and_later_it_goes_on(fail: Fail, segment_bytes_max: int, had: int) -> None:
    """Without room an append raises LedgerFull and leaves nothing, however often, and succeeds once there is room."""
    disk = FakeDisk()
    opening = opened(disk, segment_bytes_max=segment_bytes_max)
    append_all(opening.ledger, opening.index, BATCHES[:had])
    before = opening.ledger.state
    disk.fail = fail
    for _ in range(3):
        with pytest.raises(LedgerFull):
            append_batch(opening.ledger, opening.index, BATCHES[had])
        assert opening.ledger.state == before
        assert_holds(opened(disk.copy()), BATCHES[:had])
    disk.fail = None
    append_all(opening.ledger, opening.index, BATCHES[had:])
    assert_holds(opening, BATCHES)
    assert_holds(opened(disk.without_power(), segment_bytes_max=segment_bytes_max), BATCHES)


@pytest.mark.parametrize("operation", ["write", "create", "rename", "truncate"])
def test_any_other_error_ends_the_ledger(operation: str) -> None:
    """Any other disk error ends the ledger for appends, and the next start finds every batch from before."""
    disk = FakeDisk()
    opening = opened(disk, segment_bytes_max=ONE_SEGMENT if operation == "truncate" else ROTATING)
    append_all(opening.ledger, opening.index, BATCHES[:2])

    def fail(seen: str, path: Path) -> OSError | int | None:
        if operation == "truncate" and seen == "write":
            return 50
        return OSError(errno.EIO, "EIO") if seen == operation else None

    disk.fail = fail
    with pytest.raises(LedgerFailed):
        append_batch(opening.ledger, opening.index, BATCHES[2])
    disk.fail = None
    with pytest.raises(LedgerFailed):
        append_batch(opening.ledger, opening.index, BATCHES[2])
    assert_holds(opened(disk.copy()), BATCHES[:2])


def test_a_power_cut_after_the_room_ran_out_finds_the_good_blocks() -> None:
    """The part of a block that did not fit is cut off durably, so a power cut afterwards finds whole blocks only."""
    disk = FakeDisk()
    opening = opened(disk)
    append_all(opening.ledger, opening.index, BATCHES[:2])
    disk.fail = short_write
    disk.cut_at = None
    with pytest.raises(LedgerFull):
        append_batch(opening.ledger, opening.index, BATCHES[2])
    states = list(disk.crash_states())
    assert len(states) == 1, "the cut is fsynced before anything else is tried"
    for _, after in states:
        assert_holds(opened(after), BATCHES[:2])


def test_no_file_stays_open_when_a_ledger_is_closed() -> None:
    """After a close, also a second one, none of the files that were written and read is open."""
    disk = FakeDisk()
    opening = opened(disk, segment_bytes_max=700)
    append_all(opening.ledger, opening.index, BATCHES)
    assert len(list(opening.ledger.view.blocks(0, 10**6))) == len(BATCHES)
    assert opening.ledger.view.row_at(0) is not None
    opening.ledger.close()
    opening.ledger.close()
    assert disk.open_files == 0


def test_a_closed_ledger_takes_nothing_but_can_be_read() -> None:
    """A closed ledger refuses an append and can still be read."""
    opening = opened(FakeDisk())
    append_all(opening.ledger, opening.index, BATCHES[:1])
    opening.ledger.close()
    with pytest.raises(LedgerFailed, match="closed"):
        append_batch(opening.ledger, opening.index, BATCHES[1])
    assert len(opening.ledger.view.read(-1, 100)) == len(BATCHES[0])


def test_appending_no_rows_touches_nothing() -> None:
    """An append of no rows does nothing to the disk."""
    disk = FakeDisk()
    opening = opened(disk)
    done = len(disk.log)
    opening.ledger.append(no_rows(), opening.ledger.state, SCHEMAS)
    assert disk.log[done:] == []
