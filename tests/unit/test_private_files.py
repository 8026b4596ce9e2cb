"""What Tally writes is for its user only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tally.cli.loading.load_memory import Loaded, LoadMemory
from tally.cli.replaying.dead_letters import Source
from tally.cli.replaying.journal import Replayed, ReplayJournal
from tally.client.history import AttemptLog
from tally.client.outcomes import Addition, Position
from tally.ledger.storage.disk import RealDisk
from tally.ledger.storage.lock import lock_replica_directory
from tally.service.private import private_folder, tighten


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Others may read what this process makes, unless a program sees to it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes_of(folder: Path) -> dict[str, int]:
    """Return the rights of all that is below a folder."""
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*")}


def test_a_folder_and_those_above_it_that_are_made_are_private_and_one_that_is_there_stays(tmp_path: Path) -> None:
    """A folder that somebody made with other rights is theirs to decide about."""
    (tmp_path / "theirs").mkdir(mode=0o755)
    private_folder(tmp_path / "theirs" / "a" / "b")
    private_folder(tmp_path / "theirs" / "a" / "b")
    assert modes_of(tmp_path) == {"theirs": 0o755, "theirs/a": 0o700, "theirs/a/b": 0o700}


def test_what_an_earlier_version_left_open_is_closed_and_links_are_not_followed(tmp_path: Path) -> None:
    """Rights of the owner stay as they are; what a link leads to is not ours."""
    (tmp_path / "data" / "ledger").mkdir(parents=True)
    (tmp_path / "data" / "ledger" / "0.avro").touch(mode=0o444)
    (tmp_path / "data" / "program").touch(mode=0o755)
    (tmp_path / "outside").touch(mode=0o644)
    (tmp_path / "data" / "link").symlink_to(tmp_path / "outside")
    tighten(tmp_path / "data")
    tighten(tmp_path / "nothing")
    own = {name: mode for name, mode in modes_of(tmp_path).items() if "link" not in name}
    assert own == {
        "data": 0o700,
        "data/ledger": 0o700,
        "data/ledger/0.avro": 0o400,
        "data/program": 0o700,
        "outside": 0o644,
    }


def test_ledgers_locks_and_histories_are_private_whoever_writes_them(tmp_path: Path) -> None:
    """Not by the process's umask alone: `tally repair` writes ledgers, too, and so does a program with our library."""
    disk = RealDisk()
    with lock_replica_directory(tmp_path / "replica"):
        disk.make_dirs(tmp_path / "replica" / "ledger" / "t-0")
        disk.create(tmp_path / "replica" / "ledger" / "t-0" / "0.avro").close()
    AttemptLog(tmp_path / "history").close()
    LoadMemory(tmp_path / "data" / "client" / "loads.json").remember("a:1", Path("f.csv"), Loaded("a", "b", "a", "b"))
    addition, place = Addition("c45facb5-2d96-4ead-8328-46c9aab12dec", "2", "40.5"), Position("t", 0, 0)
    replayed = Replayed(Source("t", 0, 0), addition, place, datetime.now(UTC))
    ReplayJournal(tmp_path / "other" / "client" / "replays.jsonl").add([replayed])
    assert {name for name, mode in modes_of(tmp_path).items() if mode & 0o077} == set()


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_a_service_lets_nobody_else_read_what_it_makes(service: str, tmp_path: Path) -> None:
    """From its first moment on, whatever umask it was started with."""
    program = (
        "import runpy, os\n"
        "from tally.service import process\n"
        "process.leave = lambda code: None\n"
        f"import sys; sys.argv = ['{service}', '--help']\n"
        f"runpy.run_module('{service}', run_name='__main__')\n"
        f"os.mkdir({str(tmp_path / 'made')!r}); open({str(tmp_path / 'made' / 'file')!r}, 'w').close()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=60)
    assert modes_of(tmp_path) == {"made": 0o700, "made/file": 0o600}
