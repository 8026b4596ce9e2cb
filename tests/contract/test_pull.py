"""Pulling, offline: an empty folder and a registry become contracts that generate."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from codegen.errors import CodegenError
from codegen.remote import pull
from tally.registry.http import RegistryHttp
from tests_support.registries.fake import FakeRegistry


def _avro(*fields: dict[str, Any], **more: Any) -> str:
    return json.dumps({"type": "record", "name": "OrderPlaced", "namespace": "t", "fields": list(fields), **more})


def _field(name: str, kind: Any = "int", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


@pytest.fixture
def registry() -> FakeRegistry:
    fake = FakeRegistry()
    fake.subjects = {
        "orders-value": [_avro(_field("x")), _avro(_field("x"), _field("y", default=0))],
        "shop/v1/base.proto": ['syntax = "proto3";\npackage shop.v1;\nmessage Base {}\n'],
        "shop/v1/order.proto": ['syntax = "proto3";\npackage shop.v1;\nimport "shop/v1/base.proto";\nmessage O {}\n'],
    }
    fake.kinds = {"shop/v1/base.proto": "PROTOBUF", "shop/v1/order.proto": "PROTOBUF"}
    reference = {"name": "shop/v1/base.proto", "subject": "shop/v1/base.proto", "version": 1}
    fake.references = {"shop/v1/order.proto": [reference]}
    return fake


@pytest.fixture
def http(registry: FakeRegistry) -> Iterator[RegistryHttp]:
    client = RegistryHttp("http://r", attempts=1, transport=httpx.MockTransport(registry.answer))
    yield client
    client.close()


def test_a_subject_is_pulled_with_all_that_it_imports(http: RegistryHttp, tmp_path: Path) -> None:
    """Pulling a Protobuf subject also writes the files that it imports, each at its import path."""
    lines = pull.write(tmp_path, pull.pull(http, "shop/v1/order*"))
    assert len(lines) == 2
    assert (tmp_path / "proto/shop/v1/base.proto").is_file()
    assert "import" in (tmp_path / "proto/shop/v1/order.proto").read_text()


def test_the_newest_version_is_pulled_or_the_one_that_is_asked_for(http: RegistryHttp, tmp_path: Path) -> None:
    """A pattern pulls the newest version unless @ and a number name another one."""
    for pattern, fields in (("orders*", 2), ("orders-value@1", 1), ("orders-value@latest", 2)):
        folder = tmp_path / pattern.replace("*", "")
        pull.write(folder, pull.pull(http, pattern))
        assert len(json.loads((folder / "avro/order_placed.avsc").read_text())["fields"]) == fields


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("nothing", "matches no subject of http://r; there are orders-value"), ("orders-value@x", "the version is 'x'")],
)
def test_a_pattern_that_fits_nothing_is_told(http: RegistryHttp, pattern: str, words: str) -> None:
    """A pattern without a subject, or with a malformed version, is refused with what is allowed."""
    with pytest.raises(CodegenError, match=words):
        pull.pull(http, pattern)


def test_files_that_are_there_and_say_something_else_are_left_alone(http: RegistryHttp, tmp_path: Path) -> None:
    """Pulling writes over no file with other content and reports no file with the same one."""
    pull.write(tmp_path, pull.pull(http, "orders-value@1"))
    before = (tmp_path / "avro/order_placed.avsc").read_text()
    assert pull.write(tmp_path, pull.pull(http, "orders-value@1")) == []
    with pytest.raises(CodegenError, match="exists with other content"):
        pull.write(tmp_path, pull.pull(http, "orders-value@2"))
    assert (tmp_path / "avro/order_placed.avsc").read_text() == before


def test_a_path_of_a_registry_does_not_leave_the_folder(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A subject whose name climbs out of the output folder is refused, and no file is written."""
    registry.subjects["../../evil.proto"] = ['syntax = "proto3";\n']
    registry.kinds["../../evil.proto"] = "PROTOBUF"
    with pytest.raises(CodegenError, match="is not a path below"):
        pull.write(tmp_path / "out", pull.pull(http, "*evil*"))
    assert not list(tmp_path.rglob("*"))
