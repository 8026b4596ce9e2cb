"""What codegen itself says about a schema that is to follow others: in sentences, for Avro and for Protobuf."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codegen.avro import parse as avro_parse
from codegen.avro.compat import Version, directions_of, looked_at, verdict
from codegen.avro.references import stand_alone
from codegen.avro.source_changes import source_changes
from codegen.errors import ContractError
from codegen.plan.terms import WantedSubject
from codegen.proto import compat as proto_compat
from codegen.proto import compiler as proto_compiler
from codegen.proto.rule_changes import RuleChange, changes
from codegen.proto.validate import VALIDATE_FILE
from codegen.remote.registry_text import with_rules, with_words_in_comments
from tally.base.fingerprint import fingerprint_of as avro_fingerprint_of


@dataclass(frozen=True)
class OldVersion:
    """A version that others may have: what people call it (``v1``, ``git:main``), its text, the texts it imports."""

    name: str
    text: str
    imports: tuple[tuple[str, str], ...] = ()


def fingerprint(kind: str, name: str, text: str, imports: tuple[tuple[str, str], ...] = ()) -> str:
    """Return the semantic fingerprint of a schema as 64 hex digits: documentation and layout do not count.

    ``name`` is the import path of a Protobuf file. Raises ContractError for a Protobuf text that does not compile.
    """
    if kind == "AVRO":
        return avro_fingerprint_of(stand_alone(text, imports))
    files = proto_compiler.descriptors_of({**dict(imports), name: text}, name)
    (own,) = (file for file in files.file if file.name == name)
    return proto_compiler.fingerprint(own)


def same_meaning(wanted: WantedSubject, old: OldVersion) -> bool:
    """Tell whether an old version differs in words only. What cannot be read means something else."""
    try:
        same = fingerprint(wanted.kind, wanted.import_path, old.text, old.imports) == wanted.fingerprint
        return same and not rule_changes(wanted.import_path, old, wanted)
    except ContractError:
        return False


def same_text(wanted: WantedSubject, old: OldVersion) -> bool:
    """Tell whether an old version says the same in the same words; the layout of Avro's JSON does not count."""
    if wanted.kind == "AVRO":
        return bool(json.loads(wanted.text) == json.loads(old.text))
    # Versions of before may have comments without words as their author wrote them.
    return wanted.text.strip() == with_words_in_comments(old.text).strip()


def rule_changes(path: str, old: OldVersion, new: OldVersion | WantedSubject) -> tuple[RuleChange, ...]:
    """Return the rules of a Protobuf file that changed, none of another schema. Raises ContractError.

    ``path`` is its import path. In published texts rules are comments; they count all the same.
    """
    if old.text == new.text or VALIDATE_FILE not in old.text + new.text:
        return ()
    before, after = (
        {**dict(each.imports), path: with_rules({**dict(each.imports), path: each.text}, path)} for each in (old, new)
    )
    return changes(path, *(proto_compiler.descriptors_of(texts, path) for texts in (before, after)))


def has_rules(schema: WantedSubject | OldVersion) -> bool:
    """Tell whether a Protobuf text shows rules; some registries leave out comments, which they are there."""
    return VALIDATE_FILE in schema.text


def notes(wanted: WantedSubject, old: OldVersion, new_name: str) -> tuple[str, ...]:
    """Return what to know about a schema after an old version, and stops nobody: who is first, what callers change."""
    asked = directions_of(wanted.level_in_force or "NONE")
    try:
        if wanted.kind == "AVRO":
            before, after = (avro_parse.parse("", stand_alone(each.text, each.imports)) for each in (old, wanted))
            return tuple(f"source change: {sentence}" for sentence in source_changes(before, after))
        found = rule_changes(wanted.import_path, old, wanted)
    except ContractError:  # the verdict says so
        return ()
    looser = (each.widening(old.name, new_name) for each in found if each.takes and "FORWARD" not in asked)
    tighter = (each.refusal(old.name, new_name) for each in found if each.refuses and "BACKWARD" not in asked)
    return (*looser, *tighter)


def objections(wanted: WantedSubject, history: Sequence[OldVersion], new_name: str) -> tuple[str, ...]:
    """Return what speaks against a schema after its history, oldest first, under the level it wants."""
    level = wanted.level_in_force or "NONE"
    judge = _avro if wanted.kind == "AVRO" else _protobuf
    return tuple(dict.fromkeys(judge(wanted, looked_at(history, level), new_name, level)))


def _avro(wanted: WantedSubject, history: Sequence[OldVersion], new_name: str, level: str) -> list[str]:
    read: list[Version] = []
    sentences: list[str] = []
    for old in history if directions_of(level) else ():
        try:
            read.append(Version(old.name, avro_parse.parse(old.name, stand_alone(old.text, old.imports))))
        except ContractError as error:
            sentences.append(f"{old.name} cannot be compared with: codegen does not understand it: {error.problem}")
    new = Version(new_name, avro_parse.parse(wanted.subject, stand_alone(wanted.text, wanted.imports)))
    every = level if level.endswith("_TRANSITIVE") or level == "NONE" else f"{level}_TRANSITIVE"
    return [*sentences, *(finding.sentence for finding in verdict(read, new, every))]


def _protobuf(wanted: WantedSubject, history: Sequence[OldVersion], new_name: str, level: str) -> list[str]:
    if level == "NONE" or not history:
        return []
    file = wanted.import_path
    new = proto_compiler.descriptors_of({**dict(wanted.imports), file: wanted.text}, file)
    sentences: list[str] = []
    for old in history:
        try:
            before = proto_compiler.descriptors_of({**dict(old.imports), file: old.text}, file)
        except ContractError as error:
            sentences.append(f"{old.name} cannot be compared with: it does not compile: {error.problem}")
            continue
        found = proto_compat.findings(file, old.name, before, new_name, new, breaking=wanted.breaking)
        sentences += [f.sentence for f in found if f.rule != proto_compat.GONE]  # codegen.plan.lost tells of that
        sentences += _against_rules(rule_changes(file, old, wanted), old.name, new_name, directions_of(level))
    return sentences


def rule_objections(wanted: WantedSubject, history: Sequence[OldVersion], new_name: str) -> tuple[str, ...]:
    """Return what speaks against the rules of a Protobuf file alone, after its history. Raises ContractError."""
    level = wanted.level_in_force or "NONE"
    said: list[str] = []
    for old in looked_at(history, level):
        said += _against_rules(rule_changes(wanted.import_path, old, wanted), old.name, new_name, directions_of(level))
    return tuple(said)


def _against_rules(found: Sequence[RuleChange], old: str, new: str, asked: Sequence[str]) -> Iterator[str]:
    """Yield what speaks against other rules: tighter ones refuse old callers, looser ones are news to old checks."""
    for each in found:
        if "BACKWARD" in asked and each.refuses:
            yield each.refusal(old, new)
        if "FORWARD" in asked and each.takes:
            yield each.widening(old, new)
