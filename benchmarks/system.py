"""The system under the benchmarks: a stack of its own with the full JIT, and the processes that measure it."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stack import Components, PartName, Ports, Stack
from stack.ports import HOST

TOPIC = "tally.sums.v1"
SUBJECT = "tally.sums.v1-value"
BARE_TOPIC = "bench.bare"
PARTITIONS = 12
READY_S = 120.0
CHILD_S = 180.0
LOG_LINES = 20
NO_PROXY = [("grpc.enable_http_proxy", 0)]
"""For clients of this machine's own servers: a proxy that the environment names could not reach them."""


@contextmanager
def running(
    data_dir: Path, parts: tuple[PartName, ...], environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Yield a stack on an empty directory with these parts ready.

    The directory is removed afterwards. When something fails it is kept, and shown with the end of each service's log.
    """
    shutil.rmtree(data_dir, ignore_errors=True)
    data_dir.mkdir(parents=True)
    # Tests start the broker with the quick compiler only; figures need the one that optimises.
    components = Components(kafka_jit="full")
    variables = {"TALLY_LOG_LEVEL": "WARNING", **(environment or {})}
    stack = Stack(data_dir, Ports.free(), variables, components=components, die_with_caller=True)
    try:
        with stack:
            stack.up(parts, timeout_s=READY_S)
            yield stack
    except BaseException:
        print(what_is_left(stack), file=sys.stderr)
        raise
    shutil.rmtree(data_dir, ignore_errors=True)


def what_is_left(stack: Stack) -> str:
    """Return in words where the data of a failed bench is, and how the logs of the services end."""
    texts = [f"the bench failed; its data and logs are kept in {stack.data_dir}"]
    for part in ("producer", "consumer"):
        path = stack.log_path(part)
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            texts.append("\n".join([f"the last lines of {path}:", *(f"  {line}" for line in lines)]))
    return "\n".join(texts)


def child(module: str, *arguments: object) -> dict[str, float]:
    """Run a measuring module as a process of its own and return the figures of its last line."""
    done = finished([sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)])
    if done.stderr:
        print(done.stderr[-500:], file=sys.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def finished(command: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that has to succeed. Raises RuntimeError with the end of its output when it does not."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=CHILD_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done


@contextmanager
def empty_server() -> Iterator[tuple[str, int]]:
    """Yield (target, process id) of the server whose handler does nothing."""
    port = Ports.free().grpc
    target = f"{HOST}:{port}"
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.empty_server", str(port)])
    try:
        with grpc.insecure_channel(target, options=NO_PROXY) as channel:
            grpc.channel_ready_future(channel).result(30)
        yield target, process.pid
    finally:
        process.terminate()
        process.wait(10)


def pid_of(stack: Stack, part: PartName) -> int:
    """Return the process of a part that runs."""
    pid = stack.pid(part)
    assert pid is not None, f"{part} runs"
    return pid


def create_bare_topic(stack: Stack) -> None:
    """Create a topic like the one of sums for the bare clients."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    config = {"message.timestamp.type": "LogAppendTime"}
    topic = NewTopic(BARE_TOPIC, PARTITIONS, 1, config=config)
    for done in admin.create_topics([topic]).values():
        done.result(30)


def schema_id(stack: Stack) -> int:
    """Return the registry's id of the sums' schema."""
    body = get_json(f"{stack.registry_url}/subjects/{SUBJECT}/versions/latest")
    return int(body["id"])


def get_json(url: str) -> Any:
    """Return the body of GET as JSON. Raises OSError."""
    return json.loads(get_text(url))


def get_text(url: str) -> str:
    """Return the body of GET. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return str(answer.read(), "utf-8")


def until(condition: Any, timeout_s: float, what: str, interval_s: float = 0.02) -> Any:
    """Return the first truthy value of ``condition()``. Raises RuntimeError when the time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {timeout_s:g} s: {what}")
        time.sleep(interval_s)
