"""The cache of downloads: checked, whole or not at all, and brought once."""

import fcntl
import hashlib
import io
import multiprocessing
import tarfile
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.fetch.downloads import NetworkError, exclusive, fetch, missing, path_of, try_lock, unpack
from stack.fetch.locks import Artifact

CONTENT = b"what Maven Central has"


def artifact(content: bytes = CONTENT, name: str = "thing") -> Artifact:
    return Artifact("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))


def serving(content: bytes = CONTENT, calls: list[str] | None = None):
    def download(wanted, folder, received):
        if calls is not None:
            calls.append(wanted.name)
        file = folder / wanted.file_name
        file.write_bytes(content)
        received(len(content))
        return file

    return download


def files_of(cache: Path) -> list[str]:
    return [str(path.relative_to(cache)) for path in sorted((cache / "artifacts").rglob("*")) if path.is_file()]


def test_a_file_is_kept_under_its_hash_and_its_name(tmp_path):
    """A downloaded file is kept in the cache under its SHA-256 and its own name."""
    wanted = artifact()
    (path,) = fetch(tmp_path, [wanted], serving(), print)
    assert path.read_bytes() == CONTENT
    assert files_of(tmp_path) == [f"artifacts/{wanted.sha256}/thing-1.0.jar"]


def test_a_file_with_a_wrong_hash_stops_names_itself_and_is_not_kept(tmp_path):
    """A file that differs from its pin is refused by name and is not kept."""
    with pytest.raises(StackError, match=r"thing-1\.0\.jar has the sha256 .*, but stack/\*\.lock pins .*not kept"):
        fetch(tmp_path, [artifact()], serving(b"something else"), print)
    assert files_of(tmp_path) == []
    assert missing(tmp_path, [artifact()])


def test_who_has_to_wait_for_a_lock_is_told_before_the_wait(tmp_path: Path) -> None:
    """Who has to wait for a lock is told once before the wait, and not at all if the lock is free."""
    told: list[str] = []
    with (tmp_path / "lock").open("ab") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)

        def waiting() -> None:
            told.append("somebody has it")
            fcntl.flock(theirs, fcntl.LOCK_UN)

        for _ in range(2):
            with exclusive(tmp_path / "lock", waiting):
                assert not try_lock(theirs)
    assert told == ["somebody has it"]


def test_a_wrong_hash_is_not_tried_again(tmp_path):
    """A file with a wrong hash is downloaded only once, since another try would bring the same bytes."""
    calls: list[str] = []
    with pytest.raises(StackError):
        fetch(tmp_path, [artifact()], serving(b"something else", calls), print)
    assert calls == ["thing"]


def test_what_is_there_is_not_downloaded_again(tmp_path):
    """A file that the cache has is used without any call to the network."""
    fetch(tmp_path, [artifact()], serving(), print)

    def no_network(*_):
        raise AssertionError("the network was asked")

    assert fetch(tmp_path, [artifact()], no_network, print) == [path_of(tmp_path, artifact())]


def test_a_file_that_was_cut_short_in_the_cache_is_downloaded_again(tmp_path):
    """A cached file of the wrong length is replaced by a new download."""
    (path,) = fetch(tmp_path, [artifact()], serving(), print)
    path.write_bytes(CONTENT[:-1])
    fetch(tmp_path, [artifact()], serving(), print)
    assert path.read_bytes() == CONTENT


def test_a_passing_fault_of_the_network_is_tried_again(tmp_path):
    """A download that fails twice and then succeeds gives the whole file."""
    faults = [NetworkError("ConnectionError"), NetworkError("ReadTimeout")]

    def flaky(wanted, folder, received):
        if faults:
            (folder / wanted.file_name).write_bytes(b"half")
            raise faults.pop()
        return serving()(wanted, folder, received)

    (path,) = fetch(tmp_path, [artifact()], flaky, print)
    assert path.read_bytes() == CONTENT


def test_no_network_is_told_with_the_file_and_the_cure_and_leaves_nothing(tmp_path):
    """Without a network the error names the file and the remedy, and the cache stays empty."""

    def down(*_):
        raise NetworkError("ConnectionError")

    with pytest.raises(
        StackError, match=r"thing-1\.0\.jar could not be downloaded .*ConnectionError.*check the network"
    ):
        fetch(tmp_path, [artifact()], down, print)
    assert files_of(tmp_path) == []
    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == []


def test_too_little_room_is_told_before_anything_is_downloaded(tmp_path, monkeypatch):
    """Too little free disk stops the downloads first and names the setting that moves the cache."""
    monkeypatch.setattr("stack.fetch.downloads.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    calls: list[str] = []
    with pytest.raises(StackError, match="TALLY_CACHE_DIR"):
        fetch(tmp_path, [artifact()], serving(calls=calls), print)
    assert calls == []


def test_how_much_comes_is_said_before_it_comes(tmp_path):
    """The number and size of the files are announced before the first download."""
    said: list[str] = []

    def download(wanted, folder, received):
        said.append("downloading now")
        return serving()(wanted, folder, received)

    fetch(tmp_path, [artifact()], download, said.append)
    assert "1 files" in said[0]
    assert "MB" in said[0]
    assert said.index("downloading now") > 0


def _fetch_in_process(cache: Path, log: Path) -> None:
    def download(wanted, folder, received):
        with log.open("a") as file:
            file.write(f"{wanted.name}\n")
        return serving()(wanted, folder, received)

    fetch(cache, [artifact()], download, lambda _: None)


def test_two_processes_at_once_download_once(tmp_path):
    """Two processes that need the same file at once download it once and both have it."""
    context = multiprocessing.get_context("spawn")
    log = tmp_path / "log"
    both = [context.Process(target=_fetch_in_process, args=(tmp_path / "cache", log)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    assert log.read_text() == "thing\n"


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_is_unpacked_once_and_then_deleted(tmp_path):
    """An archive is unpacked, deleted and not needed again."""
    content = archive_of({"program/run.jar": b"jar"})
    wanted = artifact(content)
    fetch(tmp_path, [wanted], serving(content), print)
    folder = unpack(tmp_path, wanted)
    assert (folder / "program" / "run.jar").read_bytes() == b"jar"
    assert not path_of(tmp_path, wanted).exists()
    assert unpack(tmp_path, wanted) == folder


def test_an_archive_that_breaks_halfway_leaves_no_folder(tmp_path):
    """A truncated archive leaves no unpacked folder that a later run would take for whole."""
    content = archive_of({"program/run.jar": b"jar" * 100_000})[:-200]
    wanted = artifact(content)
    fetch(tmp_path, [wanted], serving(content), print)
    with pytest.raises((StackError, EOFError)):
        unpack(tmp_path, wanted)
    assert list((tmp_path / "unpacked").iterdir()) == []
