"""Publishing to a real registry and a real Kafka: idempotent, repairing, refusing, and completed after a SIGKILL."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from stack import Ports, Stack
from tally.base.fingerprint import fingerprint_of
from tally.generated import topics
from tally.generated.avro.ledger_row import LedgerRow
from tally.registry.lookup import SchemaRegistry
from tests_support.contracts.small_contracts import SmallContracts
from tests_support.running.stacks import NewStack, stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
COMMAND_TIMEOUT_S = 120


@pytest.fixture(scope="module")
def bare() -> Iterator[Stack]:
    """Return a stack on which nothing was published."""
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield new(parts=("kafka", "registry"))


@pytest.fixture
def small(tmp_path: Path) -> SmallContracts:
    """Return contracts whose names no other test uses."""
    return SmallContracts(tmp_path / "contracts", f"t{uuid.uuid4().hex[:8]}")


@pytest.fixture
def admin(bare: Stack) -> AdminClient:
    return AdminClient({"bootstrap.servers": bare.bootstrap_servers})


def _command(contracts: Path, registry: str, kafka: str, *more: str) -> list[str]:
    arguments = ["--contracts", str(contracts), "--registry", registry, "--kafka", kafka, *more]
    return [sys.executable, "-m", "codegen", "publish", *arguments]


def _publish(stack: Stack, contracts: Path, *more: str) -> tuple[int, str]:
    """Return (exit code, output)."""
    done = subprocess.run(
        _command(contracts, stack.registry_url, stack.bootstrap_servers, *more),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout


def _config(admin: AdminClient, topic: str) -> dict[str, str | None]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource], request_timeout=10)[resource].result()
    return {name: entry.value for name, entry in entries.items()}


def _versions(stack: Stack, subject: str) -> list[int]:
    answer = httpx.get(f"{stack.registry_url}/subjects/{subject.replace('/', '%2F')}/versions", timeout=10)
    return list(answer.json()) if answer.status_code == 200 else []


def test_the_contracts_are_published_as_they_say_and_a_second_run_has_nothing_to_do(
    bare: Stack, admin: AdminClient
) -> None:
    """Schemas, levels and topics are as the contracts say after a publication, and a second one does nothing."""
    code, said = _publish(bare, ROOT / "contracts")
    assert code == 0, said
    assert "CREATE  topic tally.sums.v1: 12 partitions, 1 replicas, 1 of them in sync" in said
    registry = SchemaRegistry(bare.registry_url)
    for facts in topics.ALL:
        schema_id = registry.lookup(facts.subject, facts.schema)
        assert fingerprint_of(registry.schema(schema_id)) == facts.fingerprint
        level = httpx.get(f"{bare.registry_url}/config/{facts.subject}", timeout=10).json()
        assert level == {"compatibilityLevel": facts.compatibility}
        described = admin.describe_topics(TopicCollection([facts.name]), request_timeout=10)[facts.name].result()
        assert len(described.partitions) == facts.partitions
        config = _config(admin, facts.name)
        assert {name: config[name] for name in facts.config} == facts.config
        assert config["min.insync.replicas"] == "1"
    assert registry.lookup("tally.v1.LedgerRow", LedgerRow.SCHEMA)
    assert _versions(bare, "tally/v1/tally.proto") == [1]
    assert _versions(bare, "google/rpc/status.proto") == [1]
    code, said = _publish(bare, ROOT / "contracts")
    assert (code, said.splitlines()[-1]) == (0, "nothing to do")
    assert all(line.startswith("NOOP") for line in said.splitlines()[:-1])


def test_a_dry_run_exits_2_and_changes_nothing(bare: Stack, small: SmallContracts) -> None:
    """A dry run with changes pending ends with code 2 and registers nothing; without any it ends with 0."""
    code, said = _publish(bare, small.root, "--dry-run")
    assert code == 2, said
    assert _versions(bare, small.subject) == []
    assert _publish(bare, small.root)[0] == 0
    assert _publish(bare, small.root, "--dry-run")[0] == 0


def test_a_topic_s_configuration_is_set_back_and_what_the_contract_does_not_name_is_left(
    bare: Stack, admin: AdminClient, small: SmallContracts
) -> None:
    """A changed setting of the contract is set back; a setting that it does not name is kept."""
    assert _publish(bare, small.root)[0] == 0
    changes = {"retention.ms": "1000", "segment.bytes": "2000000"}
    entries = [ConfigEntry(k, v, incremental_operation=AlterConfigOpType.SET) for k, v in changes.items()]
    resource = ConfigResource(ResourceType.TOPIC, small.topic, incremental_configs=entries)
    admin.incremental_alter_configs([resource], request_timeout=10)[resource].result()
    code, said = _publish(bare, small.root)
    assert code == 0, said
    assert f"CONFIG  topic {small.topic}: retention.ms 1000 -> 3600000" in said
    config = _config(admin, small.topic)
    assert (config["retention.ms"], config["segment.bytes"]) == ("3600000", "2000000")


def test_another_number_of_partitions_exits_4_and_changes_nothing(bare: Stack, small: SmallContracts) -> None:
    """Another number of partitions ends with code 4 before the changed schema is registered."""
    assert _publish(bare, small.root)[0] == 0
    small.set_partitions(4)
    fields = [{"name": "id", "type": "string"}, {"name": "count", "type": "long"}]
    small.set_fields(*fields, {"name": "more", "type": "int", "default": 0})
    code, said = _publish(bare, small.root)
    assert code == 4, said
    assert "has 3 partitions, the contract says 4" in said
    assert _versions(bare, small.subject) == [1]


def test_a_breaking_schema_exits_3_with_our_sentence_and_the_registry_s_word_and_registers_nothing(
    bare: Stack, small: SmallContracts
) -> None:
    """A breaking schema ends with code 3, our objection and the registry's, and is not registered."""
    assert _publish(bare, small.root)[0] == 0
    small.set_fields({"name": "id", "type": "string"}, {"name": "must", "type": "long"})
    code, said = _publish(bare, small.root)
    assert code == 3, said
    assert f"subject {small.subject}" in said
    assert "consumers on v2 cannot read v1: `must` has no default" in said
    assert "the registry says: not compatible under FULL_TRANSITIVE" in said
    assert "Traceback" not in said
    assert _versions(bare, small.subject) == [1]


def test_compatible_changes_of_avro_and_protobuf_are_new_versions(bare: Stack, small: SmallContracts) -> None:
    """A compatible change of Avro and of Protobuf each becomes version 2."""
    assert _publish(bare, small.root)[0] == 0
    small.set_fields(
        {"name": "id", "type": "string"},
        {"name": "count", "type": "long"},
        {"name": "note", "type": "string", "default": ""},
    )
    small.add_proto_field("string note = 3;")
    code, said = _publish(bare, small.root)
    assert code == 0, said
    assert [line.partition(":")[0] for line in said.splitlines() if line.startswith("UPDATE")] == [
        f"UPDATE  subject {small.subject}",
        f"UPDATE  subject {small.proto}",
    ]
    assert _versions(bare, small.subject) == [1, 2]
    assert _versions(bare, small.proto) == [1, 2]
    assert _publish(bare, small.root)[1].splitlines()[-1] == "nothing to do"


# What has just happened when the publisher is killed.
MOMENTS: dict[str, Callable[[Stack, SmallContracts, AdminClient], object]] = {
    "the plan is told": lambda stack, small, admin: True,
    "the Avro schema is registered": lambda stack, small, admin: _versions(stack, small.subject),
    "the Protobuf file is registered": lambda stack, small, admin: _versions(stack, small.proto),
    "the topic is created": lambda stack, small, admin: small.topic in admin.list_topics(timeout=10).topics,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_publication_that_was_killed_is_completed_by_the_next(
    bare: Stack, admin: AdminClient, small: SmallContracts, moment: str
) -> None:
    """Killed at any moment, a publication is completed by the next one, with no version doubled."""
    command = _command(small.root, bare.registry_url, bare.bootstrap_servers)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert b"subject" in process.stdout.readline()
        eventually(lambda: MOMENTS[moment](bare, small, admin), 60, moment, interval_s=0.001)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    code, said = _publish(bare, small.root)
    assert code == 0, said
    assert _versions(bare, small.subject) == [1]
    assert _versions(bare, small.proto) == [1]
    assert _publish(bare, small.root)[1].splitlines()[-1] == "nothing to do"


def test_two_publishers_at_once_both_succeed(bare: Stack, small: SmallContracts) -> None:
    """Two publications at the same moment both succeed and register one version."""
    command = _command(small.root, bare.registry_url, bare.bootstrap_servers)
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for process in running:
        said, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
        assert process.returncode == 0, said
    assert _versions(bare, small.subject) == [1]


def test_a_registry_and_a_kafka_that_come_late_are_waited_for(new_stack: NewStack, small: SmallContracts) -> None:
    """A publication begun before the registry and Kafka run waits for them and succeeds."""
    late = new_stack()
    command = _command(small.root, late.registry_url, late.bootstrap_servers, "--timeout-s", "120")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        assert "waiting for the registry" in process.stdout.readline()
        late.up(("kafka", "registry"))
        said, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
    assert process.returncode == 0, said
    assert "changes made and verified" in said


@pytest.mark.parametrize("missing", ["the registry", "Kafka"])
def test_what_is_not_there_exits_5_within_the_time_given(bare: Stack, small: SmallContracts, missing: str) -> None:
    """A registry or a broker that stays away ends with code 5 after the given time, with nothing registered."""
    closed = Ports.free()
    registry = f"http://127.0.0.1:{closed.registry}" if missing == "the registry" else bare.registry_url
    kafka = f"127.0.0.1:{closed.kafka}" if missing == "Kafka" else bare.bootstrap_servers
    done = subprocess.run(
        _command(small.root, registry, kafka, "--timeout-s", "2"),
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 5, done.stdout + done.stderr
    assert f"gave up waiting for {missing} after 2 s" in done.stderr
    assert _versions(bare, small.subject) == []
