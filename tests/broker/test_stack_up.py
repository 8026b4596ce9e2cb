"""The native stack: starts, survives, tells, ends. On a real Kafka and a real registry."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stack import Components, Ports, Stack, StackError
from stack.parts.names import STAYING, PartName
from stack.views import state_of
from tests_support.running.stacks import DELETABLE_TOPICS, NewStack, make_stack, others_may_use
from tests_support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
BASE: tuple[PartName, ...] = ("kafka", "registry")
SCHEMA = {"schema": '"string"'}


def command(stack: Stack, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command behind the recipes on a stack's directory and ports."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    kept = {name: os.environ[name] for name in ("TALLY_CACHE_DIR",) if name in os.environ}
    ports = stack.ports
    moved = {
        "TALLY_KAFKA_PORT": ports.kafka,
        "TALLY_KAFKA_CONTROLLER_PORT": ports.controller,
        "TALLY_REGISTRY_PORT": ports.registry,
        "TALLY_REGISTRY_MANAGEMENT_PORT": ports.registry_management,
    }
    variables = {
        **own,
        **kept,
        **stack.environment(),
        **{name: str(port) for name, port in moved.items()},
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def processes_of(stack: Stack) -> list[psutil.Process]:
    """Return every process that has the stack's directory in its command line."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(stack.data_dir) in word for word in process.info["cmdline"] or ())
    ]


def log_writers_of(stack: Stack) -> list[psutil.Process]:
    """Return every process that works in the stack's folder of logs."""
    return [
        process
        for process in psutil.process_iter(["cwd"])
        if process.info["cwd"] == str(stack.log_path("kafka").parent)
    ]


def produce(stack: Stack, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap_servers, "acks": "all", "message.timeout.ms": 30_000})
    errors = []
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(40) == 0
    assert errors == [None]


def read(stack: Stack, topic: str) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": stack.bootstrap_servers, "group.id": "test", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes] = []
    try:
        while True:
            message = consumer.poll(30)
            assert message is not None
            if message.error():
                return values
            value = message.value()
            assert value is not None
            values.append(value)
    finally:
        consumer.close()


def create(stack: Stack, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)


def register(stack: Stack, subject: str) -> int:
    answer = httpx.post(f"{stack.registry_url}/subjects/{subject}/versions", json=SCHEMA, timeout=30)
    schema_id: int = answer.raise_for_status().json()["id"]
    return schema_id


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack that is not started, in a path with blanks."""
    with make_stack(tmp_path / "data of a test", broker_properties=DELETABLE_TOPICS) as one:
        yield one


def test_what_was_acknowledged_survives_sigkill_of_every_part(stack: Stack) -> None:
    """Records and schemas acknowledged before all parts were killed are there after the next start."""
    stack.up(BASE)
    create(stack, "kept")
    produce(stack, "kept", b"before")
    ids = [register(stack, f"subject-{number}") for number in range(5)]
    for part in BASE:
        stack.kill(part)
    assert stack.up(BASE) == ["kafka", "registry"]
    assert read(stack, "kept") == [b"before"]
    subjects = httpx.get(f"{stack.registry_url}/subjects", timeout=30).json()
    assert {f"subject-{number}" for number in range(5)} <= set(subjects)
    assert [register(stack, f"subject-{number}") for number in range(5)] == ids


def test_the_life_of_a_stack_by_its_command(stack: Stack) -> None:
    """The stack's command starts, reports, repairs, stops and resets, and a second start or stop is harmless."""
    # 1. Up: parts are ready when it returns, and nothing of it needs the network, for the cache is full by now.
    closed = "http://127.0.0.1:9"
    Components().fetch(BASE, print)
    first = command(stack, "up", "--parts", *BASE, HTTPS_PROXY=closed, HTTP_PROXY=closed, ALL_PROXY=closed)
    assert first.returncode == 0, first.stderr
    assert [state_of(stack, part).word for part in STAYING] == ["ready", "ready", "stopped", "stopped"]
    assert others_may_use(stack.data_dir) == []
    kafka, registry = stack.pid("kafka"), stack.pid("registry")
    assert kafka is not None
    assert registry is not None

    # 2. It listens on loopback only.
    for part in (kafka, registry):
        listening = [c for c in psutil.Process(part).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}

    # 3. A second up is harmless, and says that it is.
    second = command(stack, "up", "--parts", *BASE)
    assert second.returncode == 0, second.stderr
    assert f"kafka is already running (process {kafka})" in second.stderr
    assert "nothing was started" in second.stderr
    assert (stack.pid("kafka"), stack.pid("registry")) == (kafka, registry)

    # 4. The data cannot be deleted under running parts.
    refused = command(stack, "reset", "--yes")
    assert refused.returncode == 1
    assert "`./justw down` first" in refused.stderr

    # 5. A part that crashed shows in the status with the end of its log; up starts only that one.
    os.kill(registry, signal.SIGKILL)
    eventually(lambda: stack.pid("registry") is None, 20, "the registry is gone")
    status = command(stack, "status")
    assert status.returncode == 1
    assert f"registry  crashed{registry:>12}" in status.stdout
    assert "Listening on: http://127.0.0.1" in status.stdout
    third = command(stack, "up", "--parts", *BASE)
    assert third.returncode == 0, third.stderr
    assert "kafka is already running" in third.stderr
    assert "registry started" in third.stderr
    assert stack.pid("kafka") == kafka

    # 6. Down leaves no process, and a second down is harmless.
    assert command(stack, "down").stdout == "stopped: registry, kafka\n"
    assert processes_of(stack) == []
    eventually(lambda: log_writers_of(stack) == [], 10, "nothing writes a log any more")
    assert command(stack, "down").stdout == "nothing ran\n"

    # 7. Reset leaves no data.
    assert command(stack, "reset", "--yes").returncode == 0
    assert not (stack.data_dir / "kafka").exists()


def test_two_ups_at_once_start_every_part_once(stack: Stack) -> None:
    """Two starts at the same moment both succeed, and one broker runs."""
    ups = [
        subprocess.Popen(
            [sys.executable, "-m", "stack", "up", "--parts", "kafka"],
            cwd=ROOT,
            env={
                **os.environ,
                **stack.environment(),
                "TALLY_KAFKA_PORT": str(stack.ports.kafka),
                "TALLY_KAFKA_CONTROLLER_PORT": str(stack.ports.controller),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [up.communicate(timeout=200)[0] for up in ups]
    assert [up.returncode for up in ups] == [0, 0], outputs
    assert sum("kafka started" in output for output in outputs) == 1
    assert len(processes_of(stack)) == 1


def test_stacks_run_side_by_side_and_know_nothing_of_each_other(new_stack: NewStack) -> None:
    """Two stacks share no topic, and stopping one leaves the other ready."""
    one, other = new_stack(parts=("kafka",), broker_properties=DELETABLE_TOPICS), new_stack(parts=("kafka",))
    create(one, "only-here")
    topics = AdminClient({"bootstrap.servers": other.bootstrap_servers}).list_topics(timeout=30).topics
    assert "only-here" not in topics
    one.stop("kafka")
    assert other.not_ready("kafka") is None


def test_a_taken_port_stops_before_anything_is_started(new_stack: NewStack) -> None:
    """A taken port stops the start before any part runs, with its owner and the setting that moves it."""
    one = new_stack(parts=("kafka",))
    other = new_stack(ports=Ports.free().moved({"controller": one.ports.controller}))
    with pytest.raises(StackError) as caught:
        other.up(BASE)
    assert str(one.pid("kafka")) in str(caught.value)
    assert "kafka.Kafka" in str(caught.value)
    assert "TALLY_KAFKA_CONTROLLER_PORT" in str(caught.value)
    assert other.running() == []


def test_a_part_that_dies_at_its_start_ends_the_wait_at_once_with_its_last_words(new_stack: NewStack) -> None:
    """A broker that dies at its start ends the wait with the end of its log; other parts stay up."""
    stack = new_stack(broker_properties={"log.segment.bytes": "-1"})
    stack.up(("registry",))
    (stack.data_dir / "kafka").mkdir()
    (stack.data_dir / "kafka" / "meta.properties").write_text("version=1\n")  # so that formatting is not what fails
    with pytest.raises(StackError, match=r"kafka ended before it was ready\. The end of .*kafka\.log") as caught:
        stack.up(BASE, timeout_s=280)
    assert "log.segment.bytes" in str(caught.value)
    assert state_of(stack, "kafka").word == "crashed"
    assert stack.pid("registry") is not None  # what runs stays


def test_a_format_that_was_interrupted_is_done_again(new_stack: NewStack) -> None:
    """Half-formatted Kafka data of an interrupted start are replaced by whole ones."""
    stack = new_stack()
    (stack.data_dir / "kafka.part").mkdir(parents=True)
    (stack.data_dir / "kafka.part" / "meta.properties").write_text("half")
    (stack.data_dir / "kafka").mkdir()
    stack.up(("kafka",))
    assert "cluster.id=" in (stack.data_dir / "kafka" / "meta.properties").read_text()


def test_kafka_dies_with_the_process_of_a_test_that_is_killed(tmp_path: Path) -> None:
    """A killed test process leaves no broker behind."""
    code = (
        "import sys, time; from pathlib import Path; from tests_support.running.stacks import make_stack; "
        f"stack = make_stack(Path({str(tmp_path)!r})); stack.up(('kafka',)); "
        "print(stack.pid('kafka'), flush=True); time.sleep(600)"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    kafka = int(caller.stdout.readline())
    assert psutil.pid_exists(kafka)
    caller.kill()
    caller.wait()
    eventually(lambda: not psutil.pid_exists(kafka), 30, "Kafka is gone")


def test_schemas_and_topics_of_the_contracts_are_there_when_a_stack_is_up(kafka_stack: Stack) -> None:
    """A started stack has the topics and subjects of the contracts."""
    topics = AdminClient({"bootstrap.servers": kafka_stack.bootstrap_servers}).list_topics(timeout=30).topics
    assert {"tally.sums.v1", "tally.sums.v1.dlt"} <= set(topics)
    subjects = httpx.get(f"{kafka_stack.registry_url}/subjects", timeout=30).json()
    assert {"tally.sums.v1-value", "tally.sums.v1.dlt-value"} <= set(subjects)


def test_publishing_the_contracts_again_is_harmless(kafka_stack: Stack) -> None:
    """Publishing the contracts again on a running stack succeeds and registers no further version."""
    versions = f"{kafka_stack.registry_url}/subjects/tally.sums.v1-value/versions"
    before = httpx.get(versions, timeout=30).raise_for_status().json()
    kafka_stack.start("contracts")
    assert httpx.get(versions, timeout=30).json() == before


def test_the_health_check_of_kafka_s_container_takes_the_native_broker_for_healthy(kafka_stack: Stack) -> None:
    """This version of Kafka understands the request of the container's health check and passes it."""
    script = ROOT / "stack" / "kafka_health.sh"
    assert subprocess.run(["bash", script, str(kafka_stack.ports.kafka)], timeout=30, check=False).returncode == 0
