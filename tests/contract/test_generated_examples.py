"""The examples of the contracts: payloads that every version must still decode, and the partition of an id."""

import importlib
import io
import json
import uuid
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import numpy as np
import pytest

from tally.base.fingerprint import fingerprint
from tally.event.partitions import partition_column, partition_of

EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
PAYLOADS = [
    pytest.param(path, payload, id=f"{path.stem}: {payload['name']}")
    for path in sorted((EXAMPLES / "avro").glob("*.json"))
    for payload in json.loads(path.read_text(encoding="utf-8"))["payloads"]
]


def _class_of(path: Path) -> Any:
    module = importlib.import_module(f"tally.generated.avro.{path.name.partition('.')[0]}")
    return getattr(module, module.FULL_NAME.rpartition(".")[2])


def test_each_avro_schema_has_examples() -> None:
    """Each Avro contract has a file of example payloads."""
    schemas = {path.stem for path in (EXAMPLES.parent / "avro").glob("*.avsc")}
    assert {path.name.partition(".")[0] for path in (EXAMPLES / "avro").glob("*.json")} == schemas


@pytest.mark.parametrize(("path", "payload"), PAYLOADS)
def test_an_example_of_any_version_is_read_with_its_value(path: Path, payload: dict[str, Any]) -> None:
    """A committed payload of any version is read with the value that its writer meant."""
    cls, written = _class_of(path), json.loads(path.read_text(encoding="utf-8"))["written_with"]
    data = bytes.fromhex(payload["hex"])
    if fingerprint(json.dumps(written)) == cls.FINGERPRINT:
        record = cls.decode(data)
        assert record.encode() == data
        assert record == msgspec.convert(payload["value"], cls)
    # Another version's payload takes the general way, which must give what the writer meant, new fields apart.
    read: Any = fastavro.schemaless_reader(io.BytesIO(data), written, json.loads(cls.SCHEMA))
    wanted = msgspec.convert(payload["value"], cls)
    for name in payload["value"]:
        found = getattr(wanted, name)
        assert read[name] == (found.bytes if isinstance(found, uuid.UUID) else found), name


def test_the_partition_of_each_example_id_is_the_same_one_at_a_time_and_as_a_column() -> None:
    """Each example id has the committed partition, computed singly and as a column."""
    examples = json.loads((EXAMPLES / "partitions.json").read_text(encoding="utf-8"))
    partitions, vectors = examples["partitions"], examples["vectors"]
    ids = [uuid.UUID(vector["request_id"]).bytes for vector in vectors]
    wanted = [vector["partition"] for vector in vectors]
    assert [partition_of(request_id, partitions) for request_id in ids] == wanted
    halves = np.frombuffer(b"".join(ids), dtype=">u8").astype(np.uint64).reshape(-1, 2)
    assert partition_column(halves[:, 0], halves[:, 1], partitions).tolist() == wanted
