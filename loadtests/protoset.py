"""The contract as one file of descriptors, for clients of other making: ghz, and the k6 scripts (``tally.protoset``).

``python -m loadtests.protoset`` writes the file of the k6 scripts anew; `just gen` does that.
"""

from pathlib import Path
from typing import Final

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tally.base.written_file import write_file
from tally.generated.tally.v1 import tally_pb2

FILE: Final = Path(__file__).parent / "tally.protoset"


def descriptors() -> bytes:
    """Return the contract's file and all that it needs, each after what it needs itself."""
    found = FileDescriptorSet()
    names: set[str] = set()

    def add(file: FileDescriptor) -> None:
        if file.name not in names:
            names.add(file.name)
            for needed in file.dependencies:
                add(needed)
            file.CopyToProto(found.file.add())

    add(tally_pb2.DESCRIPTOR)
    return found.SerializeToString(deterministic=True)


if __name__ == "__main__":
    write_file(FILE, descriptors())
