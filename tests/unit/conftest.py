"""The command against a service in this process."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tally.cli.main import main

Tally = Callable[..., Awaitable[Result]]


@pytest.fixture
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tally:
    """Run `tally ARGS...` in a thread, beside the event loop that the fake service needs."""
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: object, **environment: str) -> Result:
        base = {"TALLY_DATA_DIR": str(tmp_path / "data")}
        words = [str(argument) for argument in arguments]
        return await asyncio.to_thread(CliRunner().invoke, main, words, env={**base, **environment})

    return run
