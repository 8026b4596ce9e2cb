"""`tally total` and `tally export` against a scripted REST service, and `tally verify` on a real ledger's report."""

import asyncio
import hashlib
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from tally.cli import verify
from tally.ledger.state.counts import Counts
from tally.ledger.verify import LedgerReport, NoLedger, Problem, Report
from tests_support.ledger.devices import device
from tests_support.running.scripted_rest import ScriptedRest

TOTAL = {
    "total": "42.5", "count": 1234, "duplicates": 2, "conflicts": 0, "poison": 1, "complete": True,
    "as_of": "2026-11-23T05:00:00Z", "partitions": [{"partition": 0, "total": "42.5"}, {"partition": 1, "total": None}],
}  # fmt: skip
FILE = b"request_id,sum\nx,1\n" * 1000


async def test_total_prints_the_exact_total_and_its_figures(tally, rest):
    """`tally total` prints the total and the counts, and with --json the answer as it came."""
    rest.on("GET", "/v1/total", TOTAL)
    result = await tally("total", TALLY_REST_URL=rest.url)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == ["total       42.5", "count       1,234"]
    assert json.loads((await tally("total", "--json", TALLY_REST_URL=rest.url)).stdout) == TOTAL


async def test_total_asks_for_a_position_and_fails_as_unavailable_when_it_is_not_reached(tally, rest):
    """--min-position and --wait reach the service, and a position not reached in time ends with 69."""
    rest.on("GET", "/v1/total", {"detail": "partition 3 is at 5"}, status=504)
    result = await tally("total", "--min-position", "3:1041", "--wait", "0.5", TALLY_REST_URL=rest.url)
    assert result.exit_code == 69
    assert "partition 3 is at 5" in result.stderr
    assert rest.asked == ["GET /v1/total?min_position=3%3A1041&wait_ms=500"]


async def test_an_incomplete_total_is_printed_and_told_to_be_incomplete_with_exit_code_1(tally, rest):
    """A total that lacks a partition is printed with a warning naming it, and the exit code is 1."""
    rest.on("GET", "/v1/total", {**TOTAL, "complete": False})
    result = await tally("total", TALLY_REST_URL=rest.url)
    assert result.exit_code == 1
    assert "total       42.5" in result.stdout
    assert "not complete: partitions 1 unknown" in result.stderr


async def test_a_rest_service_that_is_not_there_is_69_with_the_cure(tally):
    """Without a REST service `tally total` ends with exit code 69 and says how to start one."""
    result = await tally("total", TALLY_REST_URL="http://127.0.0.1:1")
    assert result.exit_code == 69
    assert "just up" in result.stderr


async def test_a_position_that_is_none_is_wrong_usage(tally):
    """A --min-position that is not partition:offset ends with exit code 2."""
    assert (await tally("total", "--min-position", "three")).exit_code == 2


def offer_export(rest: ScriptedRest, sha256: str) -> None:
    rest.on("POST", "/v1/exports", {"id": "e1", "state": "QUEUED"}, status=202, location="/v1/exports/e1")
    done = {"state": "DONE", "rows": 1000, "sha256": sha256}
    rest.on("GET", "/v1/exports/e1", {"state": "RUNNING"}, done)
    rest.on("GET", "/v1/exports/e1/file", FILE)
    rest.on("DELETE", "/v1/exports/e1", b"", status=204)


async def test_export_waits_downloads_checks_and_deletes_the_service_s_copy(tally, rest, tmp_path: Path):
    """An export is awaited, saved byte for byte, reported with its rows and then deleted at the service."""
    offer_export(rest, hashlib.sha256(FILE).hexdigest())
    result = await tally("export", "--output", tmp_path / "sums.csv", TALLY_REST_URL=rest.url)
    assert result.exit_code == 0
    assert (tmp_path / "sums.csv").read_bytes() == FILE
    assert "1,000 rows" in result.stdout
    assert rest.asked[-1] == "DELETE /v1/exports/e1"


@pytest.mark.parametrize("where", ["null", "pipe", "link"])
async def test_an_export_into_what_is_no_file_leaves_it_what_it_is(tally, rest, tmp_path: Path, where: str):
    """An export may go to a device, a pipe or a link's target, which are written to and not replaced."""
    offer_export(rest, hashlib.sha256(FILE).hexdigest())
    path = tmp_path / where
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
    result = await tally("export", "--output", path, TALLY_REST_URL=rest.url)
    assert result.exit_code == 0
    assert stat.S_IFMT(path.lstat().st_mode) == kind
    if where == "pipe":
        await asyncio.to_thread(reader.join, 60)
        assert seen == [FILE]
    if where == "link":
        assert (tmp_path / "target.csv").read_bytes() == FILE


async def test_an_export_to_standard_output_is_the_file_and_nothing_else(tally, rest, tmp_path: Path):
    """With `--output -` standard output is exactly the exported bytes; the report goes to standard error."""
    offer_export(rest, hashlib.sha256(FILE).hexdigest())
    result = await tally("export", "--output", "-", TALLY_REST_URL=rest.url)
    assert result.stdout_bytes == FILE
    assert "standard output: 1,000 rows" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "reason"),
    [("out", "is a directory"), ("none/sums.csv", "there is no folder"), ("loop", "symbolic links")],
)
async def test_an_export_that_cannot_be_saved_is_refused_before_the_service_is_asked(
    tally, rest, tmp_path: Path, where: str, reason: str
):
    """An output path that cannot be written ends the command before the service makes an export."""
    (tmp_path / "out").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    result = await tally("export", "--output", tmp_path / where, TALLY_REST_URL=rest.url)
    assert result.exit_code == 1
    assert f"{tmp_path / where}: " in result.stderr
    assert reason in result.stderr
    assert "Traceback" not in result.output
    assert rest.asked == []


async def test_an_export_to_a_full_disk_is_told_and_the_service_s_copy_stays(tally, rest, tmp_path: Path):
    """If the disk is full, the command fails with that reason and the service keeps its copy."""
    offer_export(rest, hashlib.sha256(FILE).hexdigest())
    full = device(tmp_path, "full")
    result = await tally("export", "--output", full, TALLY_REST_URL=rest.url)
    assert result.exit_code == 1
    assert f"{full}: No space left on device" in result.stderr
    assert "DELETE /v1/exports/e1" not in rest.asked


async def test_an_export_that_was_damaged_on_the_way_leaves_no_file(tally, rest, tmp_path: Path):
    """A download whose SHA-256 is not the announced one fails and leaves no file."""
    offer_export(rest, "0" * 64)
    (tmp_path / "out").mkdir()
    result = await tally("export", "--output", tmp_path / "out" / "sums.csv", TALLY_REST_URL=rest.url)
    assert result.exit_code == 1
    assert "sha256" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


async def test_an_export_that_fails_is_told_with_its_reason(tally, rest, tmp_path: Path):
    """An export that the service reports as FAILED ends with exit code 1 and the service's reason."""
    offer_export(rest, "")
    rest.on("GET", "/v1/exports/e1", {"state": "FAILED", "error": "the disk is full"})
    result = await tally("export", "--output", tmp_path / "sums.csv", TALLY_REST_URL=rest.url)
    assert result.exit_code == 1
    assert "the disk is full" in result.stderr


def ledger(directory: Path, *problems: Problem) -> LedgerReport:
    return LedgerReport(
        directory=directory, identity=None, segments=1, size_bytes=9, next_offset=4,
        counts=Counts(2, 1, total=42_500_000_000), chain=b"\1" * 16, problems=problems, notes=(),
    )  # fmt: skip


async def test_verify_prints_what_a_sound_ledger_amounts_to(tally, tmp_path: Path, monkeypatch):
    """`tally verify` sums up sound ledgers, as text and as JSON, with exit code 0."""
    report = Report(tmp_path, (ledger(tmp_path / "p-0"), ledger(tmp_path / "p-1")))
    monkeypatch.setattr(verify, "verify_directory", lambda path: report)
    result = await tally("verify", tmp_path)
    assert result.exit_code == 0
    assert "2 ledgers, 4 counted, total 85" in result.stdout
    assert json.loads((await tally("verify", tmp_path, "--json")).stdout)["total"] == "85"


async def test_verify_prints_every_damage_with_file_and_position_and_fails(tally, tmp_path: Path, monkeypatch):
    """`tally verify` prints each problem with its file and byte, counts them and ends with exit code 1."""
    damaged = ledger(
        tmp_path / "p-0", Problem(tmp_path / "x.avro", 4096, "wrong CRC"), Problem(tmp_path / "y", 0, "gap")
    )
    monkeypatch.setattr(verify, "verify_directory", lambda path: Report(path, (damaged,)))
    result = await tally("verify", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path / 'x.avro'} at byte 4,096: wrong CRC" in result.stdout
    assert f"{tmp_path / 'y'} at byte 0: gap" in result.stdout
    assert "2 problems in 1 of 1 ledgers" in result.stderr


async def test_verify_of_a_folder_without_a_ledger_fails(tally, tmp_path: Path):
    """A folder that holds no ledger is never reported as sound."""
    result = await tally("verify", tmp_path)
    assert result.exit_code == 1
    assert "holds no ledger" in result.stderr
    assert NoLedger.__name__ not in result.output


@pytest.mark.parametrize("named", [False, True])
async def test_verify_without_an_argument_checks_the_data_directory(tally, tmp_path: Path, monkeypatch, named: bool):
    """`tally verify` alone checks TALLY_DATA_DIR, whose default is `data`."""
    folder = tmp_path / ("elsewhere" if named else "data")
    folder.mkdir()
    monkeypatch.setattr(verify, "verify_directory", lambda path: Report(path, (ledger(path / "p-0"),)))
    result = await tally("verify", TALLY_DATA_DIR=str(folder) if named else None)
    assert result.exit_code == 0
    assert f"{folder if named else 'data'}/p-0: 2 counted" in result.stdout


async def test_verify_without_an_argument_names_the_setting_when_there_is_no_data(tally, tmp_path: Path):
    """`tally verify` where no data is says which folder it looked for and which setting names another."""
    result = await tally("verify", TALLY_DATA_DIR=str(tmp_path / "none"))
    assert result.exit_code == 2
    assert f"{tmp_path / 'none'} is not a directory" in result.stderr
    assert "TALLY_DATA_DIR" in result.stderr


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "502 Bad Gateway"),
        (b"{}", "502 Bad Gateway"),
        (b"<html>\n<title>no upstream</title>", "502 <html> <title>no upstream</title>"),
        (b"x" * 100_000, f"502 {'x' * 300}…"),
    ],
)
async def test_an_answer_that_is_no_problem_document_is_told_by_what_it_says(tally, rest, body: bytes, told: str):
    """An error of something in between is told in one short line: its own words, else its status in words."""
    rest.on("GET", "/v1/total", body, status=502)
    result = await tally("total", TALLY_REST_URL=rest.url)
    assert result.exit_code == 69
    assert result.stderr.rstrip().endswith(f"/v1/total: {told}")
