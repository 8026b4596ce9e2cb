"""One process a replica directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tally.ledger.storage.errors import ReplicaDirectoryLocked
from tally.ledger.storage.lock import is_locked, lock_replica_directory
from tests_support.waiting import eventually

HOLDER = """
import sys
from pathlib import Path
from tally.ledger.storage.lock import lock_replica_directory
lock = lock_replica_directory(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_second_lock_is_refused_and_names_the_process(tmp_path: Path) -> None:
    """A replica directory that is locked cannot be locked again, and the error names the process that has it."""
    with lock_replica_directory(tmp_path / "0"), pytest.raises(ReplicaDirectoryLocked, match=str(os.getpid())):
        lock_replica_directory(tmp_path / "0")


def test_a_released_directory_can_be_locked_again(tmp_path: Path) -> None:
    """A directory is locked until the release, which may be repeated, and can be locked anew afterwards."""
    assert not is_locked(tmp_path)
    lock = lock_replica_directory(tmp_path)
    assert is_locked(tmp_path)
    lock.release()
    lock.release()
    assert not is_locked(tmp_path)
    lock_replica_directory(tmp_path).release()


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    """The lock of a killed process ends with it, so the next start needs no help."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(ReplicaDirectoryLocked, match=str(holder.pid)):
            lock_replica_directory(tmp_path)
    finally:
        holder.kill()
        holder.communicate(timeout=30)
    eventually(lambda: not is_locked(tmp_path), timeout_s=10, what="the lock to end with its process")
    lock_replica_directory(tmp_path).release()
