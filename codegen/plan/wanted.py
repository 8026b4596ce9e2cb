"""What the contracts want of a registry and of Kafka: subjects in the order of their references, and topics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from codegen.errors import ContractError
from codegen.plan.terms import Wanted, WantedSubject, WantedTopic
from codegen.proto import stubs as proto_stubs
from codegen.proto.validate import VALIDATE_FILE
from codegen.remote.registry_text import registry_text, with_words_in_comments
from codegen.tree import Contracts
from tally.base.fingerprint import fingerprint

PROTOBUF_LEVEL: Final = "BACKWARD_TRANSITIVE"
"""Apicurio refuses a field that is added under FULL or FORWARD, which harms nobody; under this it takes it."""

FILE_LEVEL: Final = "BACKWARD_TRANSITIVE"
"""Of records that are only in files: new programs read old files; the reverse is not promised."""

_WELL_KNOWN: Final = "google/protobuf/"
"""Registries bring these files themselves."""


def wanted(contracts: Contracts) -> Wanted:
    """Return everything that publishing wants. Raises ContractError when the Protobuf files do not compile."""
    return Wanted((*_avro(contracts), *_protobuf(contracts)), tuple(_topics(contracts)))


def _topics(contracts: Contracts) -> Iterator[WantedTopic]:
    for topic in contracts.topics:
        yield WantedTopic(
            topic.name,
            topic.partitions,
            topic.replication_factor,
            topic.min_insync_replicas,
            topic.config,
            (topic.subject,),
        )


def _avro(contracts: Contracts) -> Iterator[WantedSubject]:
    """Yield a subject for each topic's schema, then one by record name for each schema that no topic carries."""
    carried, subjects = set(), set()
    for topic in contracts.topics:
        schema = contracts.avro[topic.schema]
        carried.add(topic.schema)
        if topic.subject not in subjects:  # topics may share one
            yield _avro_subject(topic.subject, schema.text, schema.name, topic.compatibility)
        subjects.add(topic.subject)
    for path, schema in contracts.avro.items():
        if path not in carried:
            yield _avro_subject(schema.name, schema.text, schema.name, FILE_LEVEL)


def _avro_subject(subject: str, text: str, name: str, level: str) -> WantedSubject:
    return WantedSubject(subject, "AVRO", text, fingerprint(text), level, (), f"Avro {name}", owned=True)


def _protobuf(contracts: Contracts) -> Iterator[WantedSubject]:
    if not contracts.proto:
        return
    includes = [contracts.proto_dir, *proto_stubs.include_dirs()]
    own_texts = {name: _text(name, includes) for name in contracts.proto}
    # protoc lists a file after everything it imports.
    for file in contracts.descriptors.file:
        owned = file.name in contracts.proto
        if _stays_here(file.name, contracts):
            continue
        references = tuple(name for name in file.dependency if not _stays_here(name, contracts))
        text = _text(file.name, includes)
        if VALIDATE_FILE not in contracts.proto:
            text = registry_text(file, text)
        text = with_words_in_comments(text)
        imports = tuple((name, other) for name, other in own_texts.items() if owned and name != file.name)
        level = PROTOBUF_LEVEL if owned else None
        yield WantedSubject(
            file.name,
            "PROTOBUF",
            text,
            _fingerprint(file, text, imports),
            level,
            references,
            f"Protobuf {file.package}",
            owned=owned,
            imports=imports,
        )


def _fingerprint(file: FileDescriptorProto, text: str, imports: tuple[tuple[str, str], ...]) -> str:
    """Return the fingerprint of a file as it is published: rules that became comments are no part of it."""
    if VALIDATE_FILE in file.dependency:
        compiled = proto_stubs.descriptors_of({file.name: text, **dict(imports)}, file.name)
        file = next(each for each in compiled.file if each.name == file.name)
    return proto_stubs.fingerprint(file)


def _stays_here(name: str, contracts: Contracts) -> bool:
    """Tell whether an imported file is not published: a registry has it, or its use is a comment there."""
    return name.startswith(_WELL_KNOWN) or (name == VALIDATE_FILE and VALIDATE_FILE not in contracts.proto)


def _text(name: str, includes: list[Path]) -> str:
    for include in includes:
        if (include / name).is_file():
            return (include / name).read_text(encoding="utf-8")
    raise ContractError(name, "", "was compiled but is not found again")
