"""What changed between two versions of a contract, and who can read whom: in words, a line each."""

from collections.abc import Iterator

from codegen.avro import diff as avro_diff
from codegen.avro import parse as avro_parse
from codegen.avro.compat import Version, unreadable
from codegen.avro.references import stand_alone
from codegen.plan.judge import OldVersion, rule_changes
from codegen.proto import compat as proto_compat
from codegen.proto import compiler as proto_compiler
from codegen.proto import diff as proto_diff


def between(kind: str, subject: str, old: OldVersion, new: OldVersion) -> list[str]:
    """Return the lines. ``kind`` is AVRO or PROTOBUF. Raises ContractError for a text that is neither."""
    return list(_avro(old, new) if kind == "AVRO" else _protobuf(subject, old, new))


def _avro(old: OldVersion, new: OldVersion) -> Iterator[str]:
    before, after = (
        Version(each.name, avro_parse.parse(each.name, stand_alone(each.text, each.imports))) for each in (old, new)
    )
    yield from list(avro_diff.words(before.schema, after.schema)) or [f"{old.name} and {new.name} say the same"]
    for writer, reader in ((before, after), (after, before)):
        against = [sentence for _, sentence in unreadable(writer, reader)]
        yield from against or [f"consumers on {reader.name} can read {writer.name}"]


def _protobuf(subject: str, old: OldVersion, new: OldVersion) -> Iterator[str]:
    before, after = (
        proto_compiler.descriptors_of({**dict(one.imports), subject: one.text}, subject) for one in (old, new)
    )
    rules = [f"{each.place}: {each.words}" for each in rule_changes(subject, old, new)]
    yield from [*proto_diff.words(subject, before, after), *rules] or [f"{old.name} and {new.name} say the same"]
    found = proto_compat.findings(subject, old.name, before, new.name, after)
    yield from [f.sentence for f in found] or [f"{old.name} and {new.name} understand each other"]
