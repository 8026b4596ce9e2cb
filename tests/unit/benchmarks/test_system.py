"""What a failed bench leaves behind."""

import sys
from pathlib import Path

import pytest

from benchmarks.bare_kafka import _in_threads
from benchmarks.system import child, empty_server, finished, running
from stack import Stack


class BrokenError(Exception):
    """What a bench may meet."""


def test_a_failed_bench_keeps_its_data_and_tells_the_end_of_the_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is named and still there, and the producer's last lines are on the screen."""
    folder = tmp_path / "data"

    def fail(stack: Stack) -> None:
        log = stack.log_path("producer")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(f"line {number}\n" for number in range(100)))
        raise BrokenError

    with pytest.raises(BrokenError), running(folder, ()) as stack:
        fail(stack)
    told = capsys.readouterr().err
    assert str(folder) in told
    assert "line 99" in told
    assert "line 1\n" not in told
    assert (folder / "log" / "producer.log").exists()


def test_a_bench_that_is_done_leaves_nothing(tmp_path: Path) -> None:
    """A bench that succeeded deletes its data, which would only fill the disk."""
    with running(tmp_path / "data", ()):
        pass
    assert not (tmp_path / "data").exists()


def test_a_command_that_fails_is_told_with_what_it_said() -> None:
    """A command that fails is reported with its exit code and its own output."""
    with pytest.raises(RuntimeError, match=r"(?s)ended with 3:\n.*no such contract"):
        finished([sys.executable, "-c", "import sys; print('no such contract', file=sys.stderr); sys.exit(3)"])


def test_a_bare_client_that_fails_in_its_thread_fails_the_measurement() -> None:
    """Else the others would be measured as if they had done its part as well."""

    def broken() -> None:
        raise BrokenError

    with pytest.raises(BrokenError):
        _in_threads([lambda: None, broken])


def test_a_proxy_of_the_environment_is_not_asked_for_local_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load generator reaches a server of this machine though ``http_proxy`` names a proxy that is not there."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with empty_server() as (target, _):
        seen = child("client_load", "unary", target, "--count", 4, "--concurrency", 2, "--channels", 1)
    assert seen["ok"] == 4
