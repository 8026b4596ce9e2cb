"""The wheel is the same bytes wherever and whenever it is built."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.supply import wheel
from tests_support.checkout import ROOT, tracked

MADE_AT_S = 1_700_000_000
NAMES = [name for name in tracked() if name.split("/")[0] in wheel.MADE_FROM]


def git(folder: Path, *arguments: str) -> None:
    """Run git without a configuration of the machine's."""
    own = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *own, *arguments], cwd=folder, env=environment, check=True, capture_output=True, timeout=60)


def test_two_builds_in_two_places_at_two_times_are_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither folder, order, times, modes, umask, time zone nor what an earlier build left changes a byte."""
    other = tmp_path / "a longer name" / "checkout"
    for name in NAMES:
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, other / name)
        (other / name).chmod(0o600)
        os.utime(other / name, (1_000_000_000, 1_000_000_000))
    (other / "build" / "lib" / "tally").mkdir(parents=True)
    (other / "build" / "lib" / "tally" / "left.py").write_text("", encoding="utf-8")
    one = wheel.build(ROOT, NAMES, tmp_path / "one", MADE_AT_S)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    umask = os.umask(0o077)
    try:
        two = wheel.build(other, reversed(NAMES), tmp_path / "two", MADE_AT_S)
    finally:
        os.umask(umask)
    assert one.name == two.name
    assert hashlib.sha256(one.read_bytes()).hexdigest() == hashlib.sha256(two.read_bytes()).hexdigest()


def test_the_archive_has_one_mode_and_one_time(tmp_path: Path) -> None:
    """Files have mode 0644, but RECORD, which the backend gives its own, and the time that was given."""
    with zipfile.ZipFile(wheel.build(ROOT, NAMES, tmp_path, MADE_AT_S)) as archive:
        files = archive.infolist()
    assert {each.date_time for each in files} == {(2023, 11, 14, 22, 13, 20)}
    modes = {each.filename: each.external_attr >> 16 & 0o777 for each in files}
    assert {mode for name, mode in modes.items() if not name.endswith("/RECORD")} == {0o644}


def test_what_is_not_committed_is_not_built(tmp_path: Path) -> None:
    """A changed file that the wheel is made from is named and nothing is built, while other files may be changed."""
    for name, text in {"pyproject.toml": "", "tally/a.py": "", "docs/page.md": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=m", "--date=@1700000000")
    (tmp_path / "docs" / "page.md").write_text("more", encoding="utf-8")
    names, made_at_s = wheel.committed(tmp_path)
    assert (names, made_at_s > MADE_AT_S) == (["pyproject.toml", "tally/a.py"], True)
    (tmp_path / "tally" / "a.py").write_text("more", encoding="utf-8")
    with pytest.raises(StackError, match=r"not: tally/a\.py; commit it first"):
        wheel.committed(tmp_path)


def test_a_folder_without_git_is_told(tmp_path: Path) -> None:
    """An unpacked archive is no checkout, so nobody can say what is committed."""
    with pytest.raises(StackError, match="is no checkout that git knows"):
        wheel.committed(tmp_path)


@pytest.mark.parametrize("said", ["yesterday", "-1", "1.5", "99999999999", "²"])
def test_a_wrong_time_is_refused(said: str) -> None:
    """SOURCE_DATE_EPOCH is a whole number of seconds, or not set."""
    with pytest.raises(StackError, match="SOURCE_DATE_EPOCH is"):
        wheel.moment({"SOURCE_DATE_EPOCH": said})
    assert wheel.moment({"SOURCE_DATE_EPOCH": "5"}) == 5
    assert wheel.moment({}) is None
