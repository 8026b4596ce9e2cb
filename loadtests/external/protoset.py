"""The contract as one file of descriptors, for other clients: ghz, and the k6 scripts (``tally.protoset``).

It is what the producer serves by reflection. `just gen` writes the file of the k6 scripts anew, with
``python -m loadtests.external.protoset``.
"""

import importlib
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tally.base.written_file import write_file
from tally.generated.descriptors import FILES

FILE: Final = Path(__file__).parents[1] / "tally.protoset"


def descriptors() -> bytes:
    """Return the contract's file and all that it needs, each after what it needs itself."""
    given = {file.name: file for file in FileDescriptorSet.FromString(FILES).file}
    found = FileDescriptorSet()
    names: set[str] = set()

    def add(name: str) -> None:
        if name not in names:
            names.add(name)
            file = given.get(name) or _installed(name)
            for needed in file.dependency:
                add(needed)
            found.file.append(file)

    for name in given:
        add(name)
    return found.SerializeToString(deterministic=True)


def _installed(name: str) -> FileDescriptorProto:
    """Return the file of another package, such as google/rpc/status.proto."""
    module: Any = importlib.import_module(f"{name.removesuffix('.proto').replace('/', '.')}_pb2")
    return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


if __name__ == "__main__":
    write_file(FILE, descriptors())
