"""What changed between two versions of a contract, and who can read whom: in words, a line each."""

from collections.abc import Iterator

from codegen.avro import diff as avro_diff
from codegen.avro import parse as avro_parse
from codegen.avro.resolve import READER, WRITER, obstacles
from codegen.plan.judge import OldVersion
from codegen.proto import compat as proto_compat
from codegen.proto import diff as proto_diff
from codegen.proto import stubs as proto_stubs


def between(kind: str, subject: str, old: OldVersion, new: OldVersion) -> list[str]:
    """Return the lines. ``kind`` is AVRO or PROTOBUF. Raises ContractError for a text that is neither."""
    return list(_avro(old, new) if kind == "AVRO" else _protobuf(subject, old, new))


def _avro(old: OldVersion, new: OldVersion) -> Iterator[str]:
    before, after = avro_parse.parse(old.name, old.text), avro_parse.parse(new.name, new.text)
    found = list(avro_diff.words(before, after))
    yield from found or [f"{old.name} and {new.name} say the same"]
    for reader_name, reader, writer_name, writer in (
        (new.name, after, old.name, before),
        (old.name, before, new.name, after),
    ):
        against = obstacles(writer, reader)
        if not against:
            yield f"consumers on {reader_name} can read {writer_name}"
        for obstacle in against:
            reason = obstacle.reason.replace(WRITER, writer_name).replace(READER, reader_name)
            yield f"consumers on {reader_name} cannot read {writer_name}: {reason}"


def _protobuf(subject: str, old: OldVersion, new: OldVersion) -> Iterator[str]:
    before, after = (
        proto_stubs.descriptors_of({**dict(one.imports), subject: one.text}, subject) for one in (old, new)
    )
    yield from list(proto_diff.words(subject, before, after)) or [f"{old.name} and {new.name} say the same"]
    found = proto_compat.findings(subject, old.name, before, new.name, after)
    yield from [f.sentence for f in found] or [f"{old.name} and {new.name} understand each other"]
