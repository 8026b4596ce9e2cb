"""What the contracts want of a registry and of Kafka: subjects in the order of their references, and topics."""

import json
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from codegen.avro.folder import split_reference
from codegen.errors import ContractError
from codegen.plan import retired
from codegen.plan.terms import FileVersion, Reference, Wanted, WantedSubject, WantedTopic
from codegen.proto import compiler as proto_compiler
from codegen.proto.validate import VALIDATE_FILE, imports_rules
from codegen.remote.registry_text import registry_text, with_words_in_comments
from codegen.subjects import Claim, claims
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
    found = claims(contracts.topics, contracts.avro, contracts.proto, contracts.project.subjects)
    claimed = list({claim.subject: claim for claim in reversed(list(found))}.values())[::-1]  # topics may share one
    subjects = (*_ordered(list(_avro(contracts, claimed))), *_protobuf(contracts, claimed))
    return Wanted(subjects, tuple(_topics(contracts)), contracts.project.level, retired.sentences(contracts.retired))


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


def _level(contracts: Contracts, claim: Claim, default: str) -> str | None:
    """Return a subject's own level, None where the registry's global one holds."""
    return claim.level or (None if claim.named or contracts.project.level else default)


def _avro(contracts: Contracts, claimed: list[Claim]) -> Iterator[WantedSubject]:
    """Yield the subjects of topics, then those of codegen.yaml, then one by record name for each other schema."""
    references = _references(contracts, claimed)
    for claim in claimed:
        schema = contracts.avro.get(claim.schema)
        if schema is None:
            continue
        yield WantedSubject(
            claim.subject,
            "AVRO",
            schema.own_text or schema.text,
            fingerprint(schema.text),
            _level(contracts, claim, FILE_LEVEL),
            _named(contracts, claim.subject) or references[claim.schema],
            f"Avro {schema.name}",
            owned=True,
            imports=schema.imports,
            file=claim.schema,
            inherited=contracts.project.level,
            versions=tuple(_version(contracts, each, references) for each in claim.versions),
        )


def _version(
    contracts: Contracts, numbered: tuple[int, str], references: Mapping[str, tuple[Reference, ...]]
) -> FileVersion:
    number, path = numbered
    schema = contracts.avro[path]
    text = schema.own_text or schema.text
    return FileVersion(number, path, text, fingerprint(schema.text), references[path], schema.imports)


def _references(contracts: Contracts, claimed: list[Claim]) -> dict[str, tuple[Reference, ...]]:
    """Return what each Avro file refers to by itself: the newest versions, and older ones by their numbers."""
    known = {
        path: (claim.subject, None if path == claim.schema else number)
        for claim in reversed(claimed)
        for number, path in claim.versions or ((0, claim.schema),)
    }
    known |= {claim.schema: (claim.subject, None) for claim in reversed(claimed)}
    return {
        path: tuple(Reference(name, *known[other]) for name, other in schema.uses.items())
        for path, schema in contracts.avro.items()
    }


def _named(contracts: Contracts, subject: str) -> tuple[Reference, ...]:
    """Return the references that codegen.yaml names; none where it leaves them to the files."""
    entry = contracts.project.subjects.get(subject)
    named = entry.references.items() if entry is not None else ()
    return tuple(Reference(name, *split_reference(other)) for name, other in named)


def _ordered(subjects: list[WantedSubject]) -> list[WantedSubject]:
    """Return subjects so that each comes after those it refers to, else in their order. Raises ContractError."""
    by_name = {subject.subject: subject for subject in subjects}
    needs = {name: [each.subject for each in subject.references] for name, subject in by_name.items()}
    try:
        return [by_name[name] for name in TopologicalSorter(needs).static_order() if name in by_name]
    except CycleError as error:
        around = " -> ".join(error.args[1])
        file = by_name[error.args[1][0]].file
        problem = f"refers to itself by way of others ({around}); a registry takes no schema before what it refers to"
        raise ContractError(file, "", problem, rule="avro-references") from error


def _protobuf(contracts: Contracts, claimed: list[Claim]) -> Iterator[WantedSubject]:
    if not contracts.proto:
        return
    by_file: dict[str, list[Claim]] = {}
    for claim in claimed:
        by_file.setdefault(claim.schema.removeprefix("proto/"), []).append(claim)
    # protoc lists a file after everything it imports.
    files = {file.name: file for file in contracts.descriptors.file if not stays_here(file.name, contracts)}
    texts = {name: _published(file, contracts) for name, file in files.items()}
    imports = {name: _imports(name, contracts.proto, files, texts) for name in files}
    said = contracts.buf_yaml.breaking
    breaking = "" if said is None else json.dumps(said, sort_keys=True)
    with_comments = [name for name, file in files.items() if imports_rules(file)]
    proto_compiler.prepare(({name: texts[name], **dict(imports[name])}, name) for name in with_comments)
    found: list[WantedSubject] = []
    for name, file in files.items():
        owned = name in contracts.proto
        meaning = _fingerprint(file, texts[name], imports[name])
        imported = tuple(
            Reference(each, by_file[each][0].subject if each in by_file else each)
            for each in referenced(file, contracts)
        )
        found += [
            WantedSubject(
                claim.subject,
                "PROTOBUF",
                texts[name],
                meaning,
                _level(contracts, claim, PROTOBUF_LEVEL) if owned else None,
                _named(contracts, claim.subject) or imported,
                f"Protobuf {file.package or name}",
                owned=owned,
                imports=imports[name],
                file=claim.schema,
                inherited=contracts.project.level,
                breaking=breaking,
            )
            for claim in (by_file[name] if owned else [Claim(name, "", "")])
        ]
    referred = {each.subject for subject in found for each in subject.references}
    yield from (subject for subject in found if subject.owned or subject.subject in referred)


def _published(file: FileDescriptorProto, contracts: Contracts) -> str:
    """Return the text of a file as registries take it."""
    text = contracts.proto_texts.get(file.name) or _installed_text(file.name)
    if VALIDATE_FILE not in contracts.proto:
        text = registry_text(file, text)
    return with_words_in_comments(text)


def _imports(
    name: str, own: Sequence[str], files: Mapping[str, FileDescriptorProto], texts: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the contracts' ``own`` files that one of them imports, by way of others too, with their texts."""
    found = proto_compiler.closure(files, [name]) & set(own) if name in own else set()
    return tuple((each, texts[each]) for each in sorted(found - {name}))


def _fingerprint(file: FileDescriptorProto, text: str, imports: tuple[tuple[str, str], ...]) -> str:
    """Return the fingerprint of a file as it is published: rules that became comments are no part of it."""
    if imports_rules(file):
        compiled = proto_compiler.descriptors_of({file.name: text, **dict(imports)}, file.name)
        file = next(each for each in compiled.file if each.name == file.name)
    return proto_compiler.fingerprint(file)


def referenced(file: FileDescriptorProto, contracts: Contracts) -> list[str]:
    """Return the imports of a file that are published as well, those for options alone among them."""
    return [each for each in proto_compiler.imports_of(file) if not stays_here(each, contracts)]


def stays_here(name: str, contracts: Contracts) -> bool:
    """Tell whether an imported file is not published: a registry has it, or its use is a comment there."""
    return name.startswith(_WELL_KNOWN) or (name == VALIDATE_FILE and VALIDATE_FILE not in contracts.proto)


def _installed_text(name: str) -> str:
    for include in proto_compiler.include_dirs():
        if (include / name).is_file():
            return (include / name).read_text(encoding="utf-8")
    raise ContractError(name, "", "was compiled but is not found again")
