"""`python -m loadtests` as a person runs it, against a stack of the test's, and services that are broken on purpose."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from stack import Stack
from stack.parts.services import foreign_environment
from stack.ports import SETTINGS
from stack.system import ROOT
from tests_support.running.service_process import free_port

COMMAND_S = 280


def command(stack: Stack, folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m loadtests` in a folder, and show what it said."""
    ports = {SETTINGS[name]: str(port) for name, port in stack.ports.by_name().items()}
    environment = {
        **foreign_environment(), **ports, "TALLY_DATA_DIR": str(stack.data_dir), "PYTHONPATH": str(ROOT), **settings,
    }  # fmt: skip
    line = [sys.executable, "-m", "loadtests", *arguments]
    done = subprocess.run(
        line, env=environment, cwd=folder, capture_output=True, text=True, timeout=COMMAND_S, check=False
    )  # fmt: skip
    print(done.stdout, done.stderr)
    return done


def summary_in(folder: Path) -> Mapping[str, Any]:
    """Return the summary that a run wrote."""
    body: Mapping[str, Any] = json.loads((folder / "summary.json").read_text())
    return body


@contextmanager
def broken_service(stack: Stack, name: str, **settings: str) -> Iterator[None]:
    """Run a service that has a defect; see tests_support.running.broken_service."""
    environment = {
        **foreign_environment(), **stack.environment(), "PYTHONPATH": str(ROOT), **settings,
    }  # fmt: skip
    log = stack.data_dir / f"broken-{name}.log"
    line = [sys.executable, "-m", "tests_support.running.broken_service", name]
    with log.open("wb") as output:
        process = subprocess.Popen(line, env=environment, cwd=stack.data_dir, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


@contextmanager
def broken_producer(stack: Stack) -> Iterator[int]:
    """Run a producer that acknowledges before it commits beside the sound one; yield its port."""
    port = free_port()
    with broken_service(stack, "producer", TALLY_GRPC_PORT=str(port), TALLY_PRODUCER_REPLICA="broken",
                        TALLY_PRODUCER_METRICS_PORT=str(free_port())):  # fmt: skip
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(60)
        yield port
