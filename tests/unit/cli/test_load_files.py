"""The files around `tally load`: what is read besides plain files, and what it writes."""

import asyncio
import csv
import gzip
import json
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from stack.system import ROOT
from tally.cli.loading.csv_input import zstd
from tally.cli.loading.ids import request_id
from tests_support.client.fake_tally import FakeTally, serving
from tests_support.client.tally_loads import HEADER, content_sha256, load, numbers, numbers_file
from tests_support.ledger.devices import device


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return numbers_file(tmp_path)


@pytest.mark.parametrize("where", ["null", "pipe", "link"])
async def test_rejects_go_into_what_is_no_file_and_it_stays_what_it_is(tally, tmp_path, where):
    """Rejects may go to a device, a pipe or a link's target, which are written to and not replaced."""
    file, path = tmp_path / "mixed.csv", tmp_path / where
    file.write_text(HEADER + "1,2,x\nNA,2,y\n")
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append(path.read_bytes()))
    if where == "pipe":
        os.mkfifo(path)
        reader.start()
    if where == "link":
        path.symlink_to("target.csv")
    if where == "null":
        path = device(tmp_path, "null")
    kind = stat.S_IFMT(path.lstat().st_mode)
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file, "--rejects", path, "--json")
    assert numbers(result)["rejected"] == 1
    assert stat.S_IFMT(path.lstat().st_mode) == kind
    if where == "pipe":
        await asyncio.to_thread(reader.join, 60)
        assert b"NA,2,y" in seen[0]
    if where == "link":
        assert "NA,2,y" in (tmp_path / "target.csv").read_text()


async def test_rejects_on_standard_output_leave_the_summary_to_standard_error(tally, tmp_path):
    """With `--rejects -` standard output is the rejects as CSV and nothing else, and messages call it by its name."""
    file = tmp_path / "mixed.csv"
    file.write_text(HEADER + "1,2,x\nNA,2,y\n")
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file, "--rejects", "-", "--json")
    assert list(csv.reader(result.stdout.splitlines())) == [
        ["line", "reason", "content"],
        ["3", "a is 'NA', not a number such as 2 or -40.25", "NA,2,y"],
    ]
    assert '"rejected": 1' in result.stderr
    assert "all of them are in standard output" in result.stderr
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("option", ["--rejects", "--history"])
@pytest.mark.parametrize("name", ["numbers.csv", "link", "hard link"])
async def test_the_file_that_is_loaded_is_never_written_to_by_any_name(tally, file, tmp_path, option, name):
    """An output that is the input under its own name or a link's is refused, and the input is unchanged."""
    content = file.read_bytes()
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "hard link").hardlink_to(file)
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file, option, tmp_path / name)
    assert result.exit_code == 2
    assert f"{option} is {tmp_path / name}, the file that is loaded: give another one" in result.stderr
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("where", "reason"),
    [("folder", "is a directory"), ("none/rejects.csv", "there is no folder"), ("full", "No space")],
)
async def test_a_rejects_file_that_cannot_be_written_is_told_in_one_line(tally, tmp_path, where, reason):
    """A rejects file that cannot be written ends the load with exit code 1 and the reason."""
    file = tmp_path / "mixed.csv"
    file.write_text(HEADER + "1,2,x\nNA,2,y\n")
    (tmp_path / "folder").mkdir()
    path = device(tmp_path, "full") if where == "full" else tmp_path / where
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file, "--rejects", path)
    assert result.exit_code == 1
    assert reason in result.stderr
    assert "Traceback" not in result.output


async def test_a_memory_of_loads_that_cannot_be_read_is_named_and_kept_aside(tally, file, tmp_path):
    """A damaged memory of loads is named, kept under another name and replaced, and the load succeeds."""
    memory = tmp_path / "data" / "client" / "loads.json"
    memory.parent.mkdir(parents=True)
    memory.write_bytes(b'{"torn')
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file)
    assert result.exit_code == 0
    assert f"{memory}: " in result.stderr
    assert "whether this file was loaded before is not known" in result.stderr
    assert memory.with_name("loads.json.broken").read_bytes() == b'{"torn'
    assert len(json.loads(memory.read_text())) == 1


@pytest.mark.parametrize("form", ["f.csv.gz", "f.csv.zst", "pipe"])
async def test_a_file_its_packed_copy_and_a_pipe_of_it_add_once_between_them(tally, file, tmp_path, form):
    """A file has the same ids packed, unpacked and through a pipe, so its rows are counted once in all."""
    fake, other = FakeTally(), tmp_path / form
    writer = threading.Thread(target=lambda: other.write_bytes(gzip.compress(file.read_bytes())))
    if form == "pipe":
        os.mkfifo(other)
        writer.start()
    else:
        pack = gzip.compress if form.endswith("gz") else zstd.compress
        other.write_bytes(pack(file.read_bytes()))
    async with serving(fake) as target:
        first = await load(tally, target, other, "--json")
        second = await load(tally, target, file, "--json")
    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert (numbers(first)["acknowledged"], numbers(first)["duplicates"]) == (2500, 0)
    assert (numbers(second)["acknowledged"], numbers(second)["duplicates"]) == (2500, 2500)
    assert set(fake.committed) == {request_id(content_sha256(file), line) for line in range(2, 2502)}
    assert not list((tmp_path / "data" / "client").glob("tmp*"))


async def test_the_line_of_an_error_is_that_of_the_unpacked_content(tally, tmp_path):
    """An error in a packed file names the line of the unpacked content."""
    file = tmp_path / "f.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n1,1\n1,\xff\n"))
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file)
    assert result.exit_code == 1
    assert "line 3: byte 0xff" in result.stderr


async def test_a_packed_file_that_is_cut_off_sends_nothing(tally, file, tmp_path):
    """A truncated gzip file is refused before its first row is sent."""
    packed, fake = tmp_path / "f.csv.gz", FakeTally()
    packed.write_bytes(gzip.compress(file.read_bytes())[:-20])
    async with serving(fake) as target:
        result = await load(tally, target, packed)
    assert result.exit_code == 1
    assert "the gzip data is damaged or cut off" in result.stderr
    assert fake.committed == {}


@pytest.mark.parametrize(("allowed", "exit_code"), [(None, 1), (2, 1), (3, 0), (99, 0)])
async def test_rejected_rows_are_exit_code_1_unless_so_many_are_allowed(tally, tmp_path, allowed, exit_code):
    """Rejected rows give exit code 1, unless --max-rejects allows at least as many; the rest is added."""
    file = tmp_path / "mixed.csv"
    file.write_text(HEADER + "1,2,x\nNA,2,x\nNA,3,x\n4,NA,x\n")
    options = [] if allowed is None else ["--max-rejects", allowed]
    fake = FakeTally()
    async with serving(fake) as target:
        result = await load(tally, target, file, *options)
    assert result.exit_code == exit_code
    assert list(fake.committed.values()) == [("1", "2")]
    if exit_code:
        assert "3 rows were rejected, the first at line 3: a is 'NA'" in result.stderr
        assert "--max-rejects 3" in result.stderr


async def test_a_load_without_rejects_leaves_no_rejects_file_and_no_stale_one(tally, file, tmp_path):
    """Without rejects no rejects file is made, and one of an earlier load is emptied to its header."""
    async with serving(FakeTally()) as target:
        await load(tally, target, file, "--rejects", tmp_path / "new.csv")
        assert not (tmp_path / "new.csv").exists()
        (tmp_path / "stale.csv").write_text("line,reason,content\n7,old,old\n")
        await load(tally, target, file, "--rejects", tmp_path / "stale.csv")
    assert (tmp_path / "stale.csv").read_text().splitlines() == ["line,reason,content"]


async def test_a_shell_s_process_substitution_is_an_input_and_leaves_its_rejects_in_the_current_folder(
    file: Path, tmp_path: Path
) -> None:
    """`tally load <(...)` is read like the file itself, and its rejects go to the current folder."""
    file.write_text(file.read_text() + "NA,1,x\n")
    (tmp_path / "f.gz").write_bytes(gzip.compress(file.read_bytes()))
    fake = FakeTally()
    async with serving(fake) as target:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            f"{sys.executable} -m tally load <(gzip -dc f.gz) --a a --b b --max-rejects 1",
            env={**os.environ, "TALLY_GRPC_TARGET": target, "TALLY_DATA_DIR": "data", "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    assert process.returncode == 0, errors
    assert set(fake.committed) == {request_id(content_sha256(file), line) for line in range(2, 2502)}
    assert "NA,1,x" in (tmp_path / "stdin.rejects.csv").read_text()
