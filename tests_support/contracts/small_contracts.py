"""A small contracts folder for tests that publish: one Avro record on one topic, and one Protobuf file."""

import json
from pathlib import Path
from typing import Any, Protocol


class Run(Protocol):
    """Runs the command in the folder of the contracts."""

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Return (exit code, all output)."""


ID = {"name": "id", "type": "string"}
COUNT = {"name": "count", "type": "long"}

TOPIC_YAML = """\
topic: {name}
owner: tests
purpose: A topic of one test.
key:
  format: none
value:
  format: avro
  schema: avro/order.avsc
  subject: {name}-value
  compatibility: FULL_TRANSITIVE
partitions: {partitions}
partitioner: murmur2
replication:
  factor: 3
  min_insync_replicas: 2
config:
  cleanup.policy: delete
  retention.ms: "3600000"
"""

PROTO = """\
syntax = "proto3";

package {package};

import "google/rpc/status.proto";

message Order {{
  string id = 1;
  google.rpc.Status status = 2;
}}
"""


class SmallContracts:
    """The folder, named after one word so that several share a registry; methods change it as an author would."""

    def __init__(self, root: Path, word: str) -> None:
        self.root = root
        self.topic = f"{word}.orders.v1"
        self.subject = f"{self.topic}-value"
        self.proto = f"{word}/v1/order.proto"
        for name in ("avro", "topics", f"proto/{word}/v1"):
            (root / name).mkdir(parents=True)
        self.set_fields(ID, COUNT)
        self.set_partitions(3)
        (root / "proto" / self.proto).write_text(PROTO.format(package=f"{word}.v1"), encoding="utf-8")

    @property
    def lock(self) -> Path:
        """The lock's file."""
        return self.root / "contracts.lock"

    def set_fields(self, *fields: dict[str, Any]) -> None:
        """Give the record these fields."""
        schema = {"type": "record", "name": "Order", "namespace": "tests.v1", "fields": fields}
        (self.root / "avro" / "order.avsc").write_text(json.dumps(schema), encoding="utf-8")

    def set_partitions(self, partitions: int) -> None:
        """Want another number of partitions."""
        text = TOPIC_YAML.format(name=self.topic, partitions=partitions)
        (self.root / "topics" / "orders.yaml").write_text(text, encoding="utf-8")

    def add_proto_field(self, line: str) -> None:
        """Add a field to the message."""
        path = self.root / "proto" / self.proto
        path.write_text(path.read_text(encoding="utf-8").replace("}\n", f"  {line}\n}}\n"), encoding="utf-8")
