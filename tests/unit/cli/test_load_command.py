"""`tally load` against a scripted service."""

import asyncio
import csv
import os
import signal
import sys
from pathlib import Path

import pytest

from tally.cli.loading.ids import request_id
from tally.client.client import BATCH_MAX, BATCHES_IN_FLIGHT
from tally.generated.tally.v1 import tally_pb2
from tests_support.client.fake_tally import FakeTally, refusal, serving
from tests_support.client.tally_loads import HEADER, content_sha256, load, numbers, numbers_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return numbers_file(tmp_path)


async def test_a_file_is_loaded_once_however_often_the_command_runs(tally, file):
    """A second load of a file acknowledges all rows as duplicates, under the ids of source and line."""
    fake = FakeTally()
    async with serving(fake) as target:
        first = await load(tally, target, file, "--json")
        second = await load(tally, target, file, "--json")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (numbers(first)["acknowledged"], numbers(first)["duplicates"]) == (2500, 0)
    assert (numbers(second)["acknowledged"], numbers(second)["duplicates"]) == (2500, 2500)
    assert numbers(first)["sum"] == numbers(second)["sum"] == str(sum(range(2500)) + 1250)
    source = content_sha256(file)
    assert set(fake.committed) == {request_id(source, line) for line in range(2, 2502)}


async def test_the_same_content_under_another_name_adds_nothing(tally, file, tmp_path):
    """A copy of a loaded file has the same ids, so all its rows are duplicates."""
    fake = FakeTally()
    copy = tmp_path / "copy.csv"
    copy.write_bytes(file.read_bytes())
    async with serving(fake) as target:
        await load(tally, target, file)
        result = await load(tally, target, copy, "--json")
    assert (numbers(result)["acknowledged"], numbers(result)["duplicates"]) == (2500, 2500)


async def test_the_summary_tells_rows_outcomes_and_the_sum(tally, file):
    """The summary of a load shows how many rows were read and acknowledged, and their exact sum."""
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file)
    words = " ".join(result.stdout.split())
    assert "rows 2,500" in words
    assert "acknowledged 2,500 0 of them known to the producer" in words
    assert f"sum {sum(range(2500)) + 1250}" in words


async def test_without_a_terminal_progress_is_plain_lines_on_standard_error(tally, file):
    """Where standard error is no terminal, progress is printed there as plain lines up to 100 %."""
    async with serving(FakeTally()) as target:
        result = await load(tally, target, file, "--json")
    assert "100 %  2,500 acknowledged, 0 rejected" in result.stderr


async def test_rows_that_cannot_be_added_go_to_the_rejects_file_and_the_rest_is_added(tally, tmp_path):
    """Bad rows go to the rejects file with line and reason, the others are added, and the exit code is 1."""
    file = tmp_path / "mixed.csv"
    file.write_text(HEADER + '1,2,x\nNA,2,"two\nlines"\n1.0000000001,1,x\n3,4\n5,6,x\n')
    fake = FakeTally()
    async with serving(fake) as target:
        result = await load(tally, target, file, "--json")
    assert result.exit_code == 1
    assert (numbers(result)["rows"], numbers(result)["acknowledged"], numbers(result)["rejected"]) == (5, 2, 3)
    with (tmp_path / "mixed.csv.rejects.csv").open(newline="") as rejects:
        assert list(csv.reader(rejects)) == [
            ["line", "reason", "content"],
            ["3", "a is 'NA', not a number such as 2 or -40.25", 'NA,2,"two\nlines"'],
            ["5", "a is 1.0000000001: 10 digits after the point, at most 9; not rounded", "1.0000000001,1,x"],
            ["6", "2 columns, the header has 3", "3,4"],
        ]
    assert sorted(fake.committed.values()) == [("1", "2"), ("5", "6")]


async def test_a_file_with_a_stray_quote_is_loaded_up_to_it_and_once_corrected_completed_under_the_same_ids(
    tally, tmp_path
):
    """A load stopped by a stray quote names the source id with which the corrected file completes it."""
    file = tmp_path / "stray.csv"
    lines = [HEADER, "1,2,x\n", '3,4,"he said "so"\n', "1000000,2000000,x\n", '"\n', "5,6,y\n"]
    file.write_text("".join(lines))
    fake = FakeTally()
    async with serving(fake) as target:
        stopped = await load(tally, target, file, "--json")
        assert stopped.exit_code == 1
        assert "line 3: not CSV: a quote inside a quoted field is not doubled" in stopped.stderr
        assert (numbers(stopped)["acknowledged"], numbers(stopped)["complete"]) == (1, False)
        assert list(fake.committed.values()) == [("1", "2")]
        source_id = stopped.stderr.split("--source-id ")[1].split(":")[0]
        file.write_text("".join(lines).replace('he said "so"', 'he said ""so""'))
        completed = await load(tally, target, file, "--source-id", source_id, "--json")
    assert completed.exit_code == 0
    assert (numbers(completed)["acknowledged"], numbers(completed)["duplicates"]) == (3, 1)
    assert sorted(fake.committed.values()) == [("1", "2"), ("3", "4"), ("5", "6")]


async def test_changed_content_stops_with_two_ways_and_each_way_works(tally, file):
    """Changed content under a known path sends nothing and offers two commands, both of which work."""
    fake = FakeTally()
    async with serving(fake) as target:
        await load(tally, target, file)
        before = content_sha256(file)
        file.write_text(file.read_text() + "7,7,grown\n")
        stopped = await load(tally, target, file)
        assert stopped.exit_code == 2
        assert len(fake.committed) == 2500
        ways = [line for line in stopped.stderr.splitlines() if "--source-id" in line]
        assert len(ways) == 2
        same = ways[0].split("--source-id ")[1].split()[0]
        other = ways[1].split("--source-id ")[1].split()[0]
        assert (same, other) == (before, content_sha256(file))
        grown = await load(tally, target, file, "--source-id", same, "--json")
        assert (numbers(grown)["acknowledged"], numbers(grown)["duplicates"]) == (2501, 2500)
        anew = await load(tally, target, file, "--source-id", other, "--json")
        assert (numbers(anew)["acknowledged"], numbers(anew)["duplicates"]) == (2501, 0)


async def test_a_corrected_line_under_the_same_source_is_refused_told_and_not_counted_again(tally, file):
    """Other operands under a row's known id are refused, written to the rejects file and not counted."""
    fake = FakeTally()
    async with serving(fake) as target:
        await load(tally, target, file, "--source-id", "mine")
        file.write_text(file.read_text().replace("\n17,0.5,", "\n18,0.5,"))
        result = await load(tally, target, file, "--source-id", "mine")
    assert result.exit_code == 1
    assert "1 rows were refused by the service, the first at line 19: ALREADY_EXISTS" in result.stderr
    assert "refused by the service: ALREADY_EXISTS" in Path(f"{file}.rejects.csv").read_text()
    assert len(fake.committed) == 2500


async def test_lost_answers_and_refusals_on_the_way_change_nothing(tally, file):
    """Rows whose first call failed or lost its answer are sent again and counted once each."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE") if seen == 0 and request.a.endswith("7") else None
    fake.lose_answer = lambda seen, request: refusal("ABORTED") if seen == 0 and request.a.endswith("3") else None
    async with serving(fake) as target:
        result = await load(tally, target, file, "--json")
    assert result.exit_code == 0
    assert numbers(result)["acknowledged"] == len(fake.committed) == 2500
    assert max(fake.seen.values()) == 2


async def test_a_service_that_stops_answering_ends_in_69_and_the_next_run_completes_it(tally, file):
    """A load cut short by a stopped service says how far it came, and the same command completes it."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE", "going down") if int(request.a) >= 1000 else None
    async with serving(fake) as target:
        stopped = await load(tally, target, file, "--wait", "3")  # the first batch is answered, however busy it is here
        assert stopped.exit_code == 69
        assert "after 1,000 acknowledged rows" in stopped.stderr
        assert "run the same command again" in stopped.stderr
        fake.script = lambda seen, request: None
        resumed = await load(tally, target, file, "--json")
    assert resumed.exit_code == 0
    assert (numbers(resumed)["acknowledged"], numbers(resumed)["duplicates"]) == (2500, 1000)


async def test_after_a_row_without_an_answer_nothing_more_is_sent(tally, tmp_path):
    """Once a row stays without an answer, no batch beyond those in flight is sent."""
    file = tmp_path / "long.csv"
    file.write_text(HEADER + "".join(f"{i},0.5,x\n" for i in range(30_000)))
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE", "down")
    async with serving(fake) as target:
        stopped = await load(tally, target, file, "--wait", "0.3")
    assert stopped.exit_code == 69
    assert len(fake.seen) <= (BATCHES_IN_FLIGHT + 1) * BATCH_MAX


async def test_no_service_at_all_is_69_with_the_cure_and_nothing_is_remembered(tally, file, tmp_path):
    """Without a service the exit code is 69, the message says how to start one, and no file is left behind."""
    result = await load(tally, "127.0.0.1:1", file, "--wait", "0.3")
    assert result.exit_code == 69
    assert "just up" in result.stderr
    assert not (tmp_path / "data").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["numbers.csv"]


@pytest.mark.parametrize(
    ("arguments", "content", "exit_code", "message"),
    [
        (["--a", "c", "--b", "b"], b"a,b\n1,2\n", 2, "no column 'c'; the columns are: a, b"),
        (["--a", "a", "--b", "b", "--encoding", "utf-16"], b"a,b\n", 2, "--encoding"),
        (["--a", "a", "--b", "b", "--delimiter", ",,"], b"a,b\n", 2, "--delimiter"),
        (["--a", "a", "--b", "b", "--source-id", ""], b"a,b\n", 2, "not a source id"),
        (["--a", "a"], b"a,b\n", 2, "--b"),
        (["--a", "a", "--b", "b"], b"a,b\n1,1\n1,\xff\n", 1, "line 3: byte 0xff"),
    ],
)
async def test_wrong_input_is_told_in_one_line_with_the_exit_code(
    tally, tmp_path, arguments, content, exit_code, message
):
    """Wrong options and undecodable files give one message and their exit code, and no traceback."""
    file = tmp_path / "wrong.csv"
    file.write_bytes(content)
    async with serving(FakeTally()) as target:
        result = await tally("load", file, *arguments, TALLY_GRPC_TARGET=target)
    assert result.exit_code == exit_code
    assert message in result.stderr
    assert "Traceback" not in result.output


async def test_ctrl_c_tells_how_far_it_came_and_running_again_completes_it(tally, file, tmp_path):
    """Ctrl-C ends a load with code 130 and the rows acknowledged so far; the next run adds the rest."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE") if int(request.a) >= 1000 else None
    reached = asyncio.Event()
    fake.on_call = lambda: reached.set() if any(n > 3 for n in fake.seen.values()) else None
    async with serving(fake) as target:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tally",
            "load",
            str(file),
            "--a",
            "a",
            "--b",
            "b",
            env={
                **os.environ,
                "TALLY_GRPC_TARGET": target,
                "TALLY_DATA_DIR": str(tmp_path / "data"),
                "PYTHONPATH": str(Path(__file__).parents[3]),
            },
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            await reached.wait()
            process.send_signal(signal.SIGINT)
            stdout, stderr = await process.communicate()
        assert process.returncode == 130
        assert b"interrupted after 1,000 acknowledged rows" in stderr
        assert b"not counted twice" in stderr
        assert b"Traceback" not in stderr
        assert b"1,000" in stdout
        fake.script = lambda seen, request: None
        resumed = await load(tally, target, file, "--json")
    assert numbers(resumed)["acknowledged"] == len(fake.committed) == 2500


class Wrong(FakeTally):
    """Adds up to 1, whatever it is given."""

    def _answer(self, request: tally_pb2.AddRequest) -> tally_pb2.AddResponse:
        response = super()._answer(request)
        assert isinstance(response, tally_pb2.AddResponse)
        response.sum = "1"
        return response


async def test_a_wrong_sum_stops_the_load(tally, file):
    """An answer whose sum is not that of its row ends the load with exit code 1."""
    async with serving(Wrong()) as target:
        result = await load(tally, target, file)
    assert result.exit_code == 1
    assert "wrong sum" in result.stderr
