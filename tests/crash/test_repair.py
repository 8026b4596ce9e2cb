"""Repairing a stopped replica's ledger: what is put aside, copied, checked and refused."""

import shutil
from pathlib import Path

import pytest

from tally.ledger.repair import CannotRepairError, Repaired, copy_from_directory, stopped_ledger
from tally.ledger.storage.lock import lock_replica_directory
from tally.ledger.verify import verify_directory
from tests_support.ledger.files import append_all, assert_holds, batches_of, opened

TOPIC, PARTITION = "tally.sums.v1", 3
BATCHES = batches_of(6)
ROTATING = 700


def ledger(data: Path, replica: str = "0", count: int = 6) -> Path:
    """Write a ledger of several segments where a replica has it, and return its directory."""
    directory = data / "consumer" / replica / "ledger" / f"{TOPIC}-{PARTITION}"
    opening = opened(directory=directory, segment_bytes_max=ROTATING)
    append_all(opening.ledger, opening.index, BATCHES[:count])
    opening.ledger.close()
    return directory


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def from_peer(data: Path, peer: Path) -> Repaired:
    with stopped_ledger(data / "consumer" / "0", TOPIC, PARTITION) as place:
        copy_from_directory(place, peer, PARTITION)
        return place.install()


def test_from_topic_leaves_no_ledger_and_keeps_each_old_one_beside(tmp_path: Path) -> None:
    """A repair from the topic moves the ledger aside under a name of its own, bytes unchanged, and leaves none."""
    for number in (1, 2):
        directory = ledger(tmp_path)
        before = content(directory)
        with stopped_ledger(tmp_path / "consumer" / "0", TOPIC, PARTITION) as place:
            done = place.put_aside()
        assert done.put_aside == directory.with_name(f"{directory.name}.quarantined-{number}")
        assert content(done.put_aside) == before
        assert not directory.exists()


def test_a_running_consumers_ledger_is_not_touched(tmp_path: Path) -> None:
    """A repair while the consumer runs is refused with that reason, and the ledger stays as it is."""
    directory = ledger(tmp_path)
    before = content(directory)
    with (
        lock_replica_directory(tmp_path / "consumer" / "0"),
        pytest.raises(CannotRepairError, match="while its consumer is stopped"),
        stopped_ledger(tmp_path / "consumer" / "0", TOPIC, PARTITION),
    ):
        pass
    assert content(directory) == before


def test_a_backup_is_restored_whole_and_goes_on(tmp_path: Path) -> None:
    """A copy of a ledger's directory can be verified, restored in place of a damaged one, and appended to."""
    directory = ledger(tmp_path)
    backup = tmp_path / "backup" / directory.name
    shutil.copytree(directory, backup)
    (damaged,) = [path for path in directory.iterdir() if path.name.startswith("0" * 20)]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert verify_directory(tmp_path / "backup").ok
    done = from_peer(tmp_path, tmp_path / "backup")
    assert done.copied is not None
    assert done.put_aside is not None
    assert content(directory) == content(backup)
    assert verify_directory(tmp_path / "consumer").ok  # what was put aside is no ledger any more
    again = opened(directory=directory)
    append_all(again.ledger, again.index, more := batches_of(2, first=6))
    assert_holds(again, [*BATCHES, *more])
    again.ledger.close()


def test_of_a_running_peer_only_sealed_files_are_copied(tmp_path: Path) -> None:
    """From a peer that runs, a repair copies the sealed segments only, and they verify without a problem."""
    directory, peer = ledger(tmp_path, count=2), ledger(tmp_path, "1")
    sealed = sorted(peer.glob("*.avro"))[:-1]
    with lock_replica_directory(tmp_path / "consumer" / "1"):
        done = from_peer(tmp_path, tmp_path / "consumer" / "1")
    assert sorted(content(directory)) == [path.name for path in sealed]
    assert done.copied is not None
    assert done.copied.problems == ()


def test_a_damaged_peer_or_another_partitions_changes_nothing(tmp_path: Path) -> None:
    """A peer that is damaged, of another partition or ambiguous is refused, and the own ledger stays as it is."""
    directory, peer = ledger(tmp_path), ledger(tmp_path, "1")
    before = content(directory)
    path = sorted(peer.glob("*.avro"))[1]
    good = path.read_bytes()
    path.write_bytes(good[:-20] + bytes([good[-20] ^ 1]) + good[-19:])
    with pytest.raises(CannotRepairError, match="own ledger is damaged"):
        from_peer(tmp_path, peer)
    path.write_bytes(good)
    with pytest.raises(CannotRepairError, match="no ledger of partition"):
        from_peer(tmp_path, tmp_path / "consumer" / "2")
    shutil.copytree(peer, tmp_path / "elsewhere" / peer.name)
    shutil.copytree(peer, tmp_path / "elsewhere" / "again" / peer.name)
    with pytest.raises(CannotRepairError, match="2 ledgers of partition"):
        from_peer(tmp_path, tmp_path / "elsewhere")
    assert content(directory) == before
    assert not list(directory.parent.glob("*.incoming"))


def test_a_copy_that_a_crash_left_unfinished_is_begun_again(tmp_path: Path) -> None:
    """A copy that a crash interrupted is started anew, and ends equal to the peer's ledger."""
    directory, peer = ledger(tmp_path, count=2), ledger(tmp_path, "1")
    unfinished = directory.with_name(directory.name + ".incoming")
    unfinished.mkdir()
    (unfinished / max(peer.iterdir()).name).write_bytes(b"half")
    from_peer(tmp_path, peer)
    assert content(directory) == content(peer)


def test_verify_finds_a_ledger_under_another_partitions_name(tmp_path: Path) -> None:
    """A ledger in a directory that is named after another partition is reported as a problem with that partition."""
    directory = ledger(tmp_path)
    directory.rename(directory.with_name(f"{TOPIC}-4"))
    (problem,) = verify_directory(tmp_path).problems
    assert "named as partition 4" in problem.what


def test_verify_finds_two_replicas_whose_histories_differ(tmp_path: Path) -> None:
    """Two replicas' ledgers where neither is a prefix of the other are a problem, and equal ones are not (I6)."""
    ledger(tmp_path, count=3)
    ledger(tmp_path, "1")
    assert verify_directory(tmp_path).ok
    shutil.rmtree(tmp_path / "consumer" / "1")
    fork = opened(directory=tmp_path / "consumer" / "1" / "ledger" / f"{TOPIC}-{PARTITION}")
    append_all(fork.ledger, fork.index, batches_of(6, first=50))
    fork.ledger.close()
    (problem,) = verify_directory(tmp_path).problems
    assert "are not those of" in problem.what


def test_verify_notes_a_file_that_was_never_finished(tmp_path: Path) -> None:
    """A temporary file of an unfinished segment is a note of the verification, and not a problem."""
    directory = ledger(tmp_path)
    (directory / ("9" * 20 + ".avro.tmp")).write_bytes(b"half a header")
    (found,) = verify_directory(tmp_path).ledgers
    assert found.problems == ()
    assert "never finished" in found.notes[0]
