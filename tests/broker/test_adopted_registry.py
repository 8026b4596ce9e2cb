"""A registry that others filled by hand is adopted as it is, changed and published to, from an empty folder."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient

from tests_support.contracts.codegen_command import codegen
from tests_support.registries.under_test import RegistryUnderTest, registry_under_test

pytestmark = pytest.mark.broker

PROGRAM = """
import json, sys
from confluent_kafka.schema_registry import SchemaRegistryClient, Schema, SchemaReference
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from contracts.generated.avro.placed import Placed
from tally.registry.lookup import SchemaRegistry

url, word = sys.argv[1:]
client = SchemaRegistryClient({"url": url})
latest = client.get_latest_version(f"{word}-orders-value").schema
write = AvroSerializer(client, latest, conf={"auto.register.schemas": False, "use.latest.version": True})
said = {"id": "a", "to": {"street": "s"}, "count": 7}
data = write(said, SerializationContext(f"{word}-orders", MessageField.VALUE))
print(Placed.from_framed(data, SchemaRegistry(url)))
"""

JSON = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'


@pytest.fixture(scope="module")
def registry(request: pytest.FixtureRequest) -> Iterator[RegistryUnderTest]:
    with registry_under_test(lambda: request.getfixturevalue("kafka_stack")) as one:
        yield one


def record(name: str, namespace: str, **fields: Any) -> str:
    """Return a record; a field is its type, or its type with a default."""
    listed = [
        {"name": each, **(kind if isinstance(kind, dict) and "default" in kind else {"type": kind})}
        for each, kind in fields.items()
    ]
    return json.dumps({"type": "record", "name": name, "namespace": namespace, "fields": listed})


def fill(client: SchemaRegistryClient, word: str) -> None:
    """Register as other projects do: by topic, by record, by both, by any text; keys; Protobuf; references."""
    space = f"{word}.shop"
    address = f"{space}.Address"
    client.register_schema(address, Schema(record("Address", space, street="string"), "AVRO"))
    refers = [SchemaReference(address, address, 1)]
    placed = record("Placed", space, id="string", to="Address")
    client.register_schema(f"{word}-orders-value", Schema(placed, "AVRO", refers))
    zipped = {"type": "string", "default": ""}
    client.set_compatibility(address, "NONE")
    client.register_schema(address, Schema(record("Address", space, street="string", zip=zipped), "AVRO"))
    client.register_schema(f"{word}-orders-{space}.Cancelled", Schema(record("Cancelled", space, id="string"), "AVRO"))
    client.register_schema(f"{word}-orders-key", Schema(record("Key", space, id="string"), "AVRO"))
    client.register_schema(f"{word}-two", Schema(record("Two", space, a="int"), "AVRO"))
    client.register_schema(
        f"{word}-two", Schema(record("Two", space, a="int", b={"type": "int", "default": 0}), "AVRO")
    )
    client.set_compatibility(f"{word}-two", "FULL_TRANSITIVE")
    base = f'syntax = "proto3";\npackage {word};\n\nmessage Base {{\n  string id = 1;\n}}\n'
    client.register_schema(f"{word}-base", Schema(base, "PROTOBUF"))
    paid = (
        f'syntax = "proto3";\npackage {word}.pay;\n\nimport "{word}/base.proto";\n\n'
        f"message Paid {{\n  {word}.Base base = 1;\n}}\n"
    )
    client.register_schema(
        f"{word}-paid-value", Schema(paid, "PROTOBUF", [SchemaReference(f"{word}/base.proto", f"{word}-base", 1)])
    )
    client.register_schema(f"{word}-json-value", Schema(JSON, "JSON"))


def test_a_registry_of_others_is_adopted_changed_and_published_to(registry: RegistryUnderTest, tmp_path: Path) -> None:
    """Pull, plan (nothing to do), change, plan, publish, plan (nothing to do), pull again, generate, decode others'."""
    word = registry.word()
    fill(SchemaRegistryClient({"url": registry.url}), word)
    said = codegen(tmp_path, "pull", "--registry", registry.url, "--subject", f"{word}*", code=1)
    print(said)
    assert f"{word}-json-value: is of type JSON; codegen takes AVRO and PROTOBUF" in said
    table = yaml.safe_load((tmp_path / "contracts/codegen.yaml").read_text())["subjects"]
    assert table[f"{word}-orders-value"]["references"] == {f"{word}.shop.Address": f"{word}.shop.Address@1"}
    assert table[f"{word}-paid-value"] == {"file": f"proto/{word}_paid_value.proto"}
    assert table[f"{word}-base"] == {"file": f"proto/{word}/base.proto"}
    assert table[f"{word}-two"]["level"] == "FULL_TRANSITIVE"
    plan = ("plan", "--registry", registry.url)
    print(said := codegen(tmp_path, *plan))
    assert said.rstrip().endswith("nothing to do")
    codegen(tmp_path, "plan", "--offline")

    file = tmp_path / "contracts/avro/placed.avsc"
    schema = json.loads(file.read_text())
    schema["fields"].append({"name": "count", "type": "int", "default": 0})
    file.write_text(json.dumps(schema))
    proto = tmp_path / f"contracts/proto/{word}/base.proto"
    proto.write_text(proto.read_text().replace("  string id = 1;\n", "  string id = 1;\n  int32 n = 2;\n"))
    print(said := codegen(tmp_path, *plan, code=2))
    assert f"UPDATE  subject {word}-orders-value: Avro {word}.shop.Placed: another version after 1" in said
    print(codegen(tmp_path, "publish", "--registry", registry.url))
    print(said := codegen(tmp_path, *plan))
    assert said.rstrip().endswith("nothing to do")
    client = SchemaRegistryClient({"url": registry.url})
    keyed = record("Key", f"{word}.shop", id="string", n={"type": "int", "default": 0})
    client.register_schema(f"{word}-orders-key", Schema(keyed, "AVRO"))
    print(said := codegen(tmp_path, "pull", "--registry", registry.url, "--subject", f"{word}*", code=1))
    assert f"contracts/avro/key.avsc ({word}-orders-key, version 2)" in said
    assert "placed.avsc" not in said
    assert file.read_text() == json.dumps(schema)
    print(said := codegen(tmp_path, *plan))
    assert said.rstrip().endswith("nothing to do")
    print(codegen(tmp_path, "generate"))
    command = [sys.executable, "-c", PROGRAM, registry.url, word]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "Placed(id='a', to=Address(street='s'), count=7)", done.stderr
