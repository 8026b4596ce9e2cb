"""contracts/history/: the text of every version that others may have, so that transitive checks need no registry.

``history/SUBJECT/v1.avsc`` or ``.proto``; contracts.lock names the versions and their meanings. Files are added and
never changed: a version that is there with another text is never written over. Where the versions of a subject stand in
files of the contracts, the lock names these, and there is no second text.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import UNSET
from msgspec.structs import replace

from codegen.errors import CodegenError, DriftError
from codegen.json_places import plain
from codegen.plan.file_versions import unrecorded
from codegen.plan.judge import OldVersion, fingerprint, same_meaning, same_text
from codegen.plan.lock import FILE, Lock, LockedSubject, LockedTopic, LockedVersion, load
from codegen.plan.terms import Reference, Wanted, WantedSubject
from codegen.plan.was import NOTHING, Was, WasSubject
from codegen.proto import compiler as proto_compiler
from tally.base.written_file import write_file

FOLDER: Final = "history"
_ENDING: Final = {"AVRO": "avsc", "PROTOBUF": "proto"}


def path_of(root: Path, subject: str, kind: str, version: int) -> Path:
    """Return the file of a version."""
    parts = [quote(part, safe=" ") for part in subject.split("/")]
    if any(part in {"", ".", ".."} for part in parts):
        raise CodegenError(f"the subject {subject!r} cannot be a path; it has an empty part or points")
    return root.joinpath(FOLDER, *parts, f"v{version}.{_ENDING[kind]}")


def versions_of(root: Path, lock: Lock, subject: str) -> tuple[OldVersion, ...]:
    """Return a subject's versions, oldest first. Raises DriftError for a file that is missing or was edited."""
    return _verified(root, lock, subject, _read(root, lock, subject))


def all_of(root: Path, lock: Lock | None) -> dict[str, tuple[OldVersion, ...]]:
    """Return the versions of all subjects. Raises DriftError."""
    if lock is None:
        return {}
    found = {name: _read(root, lock, name) for name in lock.subjects}
    protobuf = [
        (name, old) for name, versions in found.items() if lock.subjects[name].type != "AVRO" for old in versions
    ]
    proto_compiler.prepare(({**dict(old.imports), name: old.text}, name) for name, old in protobuf)
    return {name: _verified(root, lock, name, versions) for name, versions in found.items()}


def _read(root: Path, lock: Lock, subject: str) -> tuple[OldVersion, ...]:
    locked = lock.subjects.get(subject)
    if locked is None:
        return ()
    found = []
    for version in locked.versions:
        imports = sorted(
            (_import_path(lock, name), _text(root, lock, name, locked.type, other))
            for name, other in _imports(lock, version.references)
        )
        text = _text(root, lock, subject, locked.type, version.version)
        found.append(OldVersion(f"v{version.version}", text, tuple(imports)))
    return tuple(found)


def _verified(root: Path, lock: Lock, subject: str, found: tuple[OldVersion, ...]) -> tuple[OldVersion, ...]:
    """Return versions whose texts mean what the lock says. Raises DriftError."""
    locked = lock.subjects.get(subject, LockedSubject("AVRO", None, ""))
    for old, version in zip(found, locked.versions, strict=True):
        if fingerprint(locked.type, locked.import_path(subject), old.text, old.imports) != version.fingerprint:
            path = _place(root, lock, subject, locked.type, version.version)
            cure = "history is never edited: git checkout it"
            if version.in_place is True:
                cure = f"what was released is never edited: put it back, and give the change a number after {old.name}"
            raise DriftError(f"{path} is not the version that {FILE} names; {cure}")
    return found


def released_version(root: Path, subject: str, version: int) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return (text, imports) of a version. Raises KeyError without it, and DriftError as versions_of does."""
    lock = load(root)
    for known in versions_of(root, lock, subject) if lock is not None else ():
        if known.name == f"v{version}":
            return known.text, known.imports
    raise KeyError(subject)


def was(root: Path, lock: Lock | None) -> Was:
    """Return all that the lock remembers. Raises DriftError."""
    if lock is None:
        return NOTHING
    versions = all_of(root, lock)
    subjects = {
        name: WasSubject(each.type, versions[name], each.level, each.import_path(name), _file(each))
        for name, each in lock.subjects.items()
    }
    return Was(subjects, {name: topic.subjects for name, topic in lock.topics.items()})


def _file(subject: LockedSubject) -> str:
    return (subject.versions[-1].file or "") if subject.versions else ""


def _imports(lock: Lock, references: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield (subject, version) of all that is imported, by way of others too."""
    waiting = list(references.items())
    seen: set[str] = set()
    for name, version in waiting:  # grows while it is walked
        if name in seen:
            continue
        seen.add(name)
        yield name, version
        for other in lock.subjects[name].versions if name in lock.subjects else ():
            if other.version == version:
                waiting += other.references.items()


def _import_path(lock: Lock, subject: str) -> str:
    return lock.subjects[subject].import_path(subject) if subject in lock.subjects else subject


def _place(root: Path, lock: Lock, subject: str, kind: str, version: int) -> Path:
    """Return the file of a version that the lock names: one of the contracts, or of the history."""
    for each in lock.subjects[subject].versions if subject in lock.subjects else ():
        if each.version == version and each.in_place is True and each.file:
            return root / each.file
    return path_of(root, subject, kind, version)


def _text(root: Path, lock: Lock, subject: str, kind: str, version: int) -> str:
    path = _place(root, lock, subject, kind, version)
    try:
        text = path.read_text(encoding="utf-8")
        return plain(text) if kind == "AVRO" else text
    except (OSError, UnicodeDecodeError) as error:
        raise DriftError(f"{path} cannot be read ({error}), and {FILE} names it; git checkout it") from error


def record(root: Path, lock: Lock, wanted: Wanted, reasons: Mapping[str, str]) -> tuple[Lock, list[str]]:
    """Add the contracts as they are as versions that others may have, and return the lock and a line for each.

    A subject whose newest version says the same gets no other one, but its level of now is the promise from now on.
    Other words are another version, as registries have it. Topics are remembered with their subjects. Raises
    CodegenError.
    """
    subjects = dict(lock.subjects)
    lines = []
    for subject in wanted.subjects:
        known = subjects.get(subject.subject)
        if known is None:
            continue
        promised = UNSET if subject.level_in_force == known.mode else subject.level_in_force
        known = replace(known, promised=promised)
        before, reason = versions_of(root, lock, subject.subject), reasons.get(subject.subject, "")
        if subject.versions:
            for each in unrecorded(subject, before):
                why = reason if each.file == subject.file else ""
                references = _numbers(each.references, subjects)
                version = LockedVersion(each.number, each.fingerprint, references, why, each.file, in_place=True)
                known = replace(known, versions=tuple(sorted((*known.versions, version), key=lambda one: one.version)))
                lines.append(f"{root / each.file} added")
        elif not before or not (same_meaning(subject, before[-1]) and same_text(subject, before[-1])):
            number = known.versions[-1].version + 1 if known.versions else 1
            file = subject.file if subject.kind == "AVRO" and subject.file else UNSET
            references = _numbers(subject.references, subjects)
            version = LockedVersion(number, subject.fingerprint, references, reason, file)
            known = replace(known, versions=(*known.versions, version))
            path = path_of(root, subject.subject, subject.kind, number)
            _write(path, subject)
            lines.append(f"{path} added")
        subjects[subject.subject] = known
    topics = {topic.name: LockedTopic(topic.subjects) for topic in wanted.topics}
    return replace(lock, subjects=subjects, topics={**lock.topics, **topics}), lines


def unlisted(root: Path, lock: Lock | None) -> Iterator[str]:
    """Yield a line for each file of the history that the lock does not name, since it was lost or put back."""
    listed = {
        path_of(root, name, subject.type, version.version)
        for name, subject in (lock.subjects.items() if lock is not None else ())
        for version in subject.versions
    }
    for path in sorted((root / FOLDER).rglob("v*")):
        if path.is_file() and path not in listed:
            yield f"{path} is a version that {FILE} does not name; put the lock that does back: git checkout -- {FILE}"


def _numbers(references: Iterable[Reference], subjects: Mapping[str, LockedSubject]) -> dict[str, int]:
    """Return the version of each subject that is referred to."""
    newest = {name: subject.versions[-1].version if subject.versions else 1 for name, subject in subjects.items()}
    return {each.subject: each.version or newest[each.subject] for each in references if each.subject in subjects}


def _write(path: Path, subject: WantedSubject) -> None:
    text = pretty(subject.kind, subject.text)
    try:
        if path.exists():  # a run that was killed before the lock was written left it
            if path.read_bytes() == text.encode():
                return
            raise DriftError(
                f"{path} is there and holds another text than {subject.title} of subject {subject.subject} has now; "
                f"history is never written over. If anybody has that version, put the lock that names it back: "
                f"git checkout -- {FILE}; if nobody has, delete the file"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
    except OSError as error:
        raise CodegenError(f"{path} cannot be written: {error}") from error


def pretty(kind: str, text: str) -> str:
    """Return a schema's text as it is put into files: Avro indented, Protobuf as it is."""
    if kind != "AVRO":
        return text if text.endswith("\n") else f"{text}\n"
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
