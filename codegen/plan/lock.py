"""contracts.lock: what the contracts were when they were last generated and published. Written by codegen only.

It says of each subject its type, level, meaning and references, and every version that others may have (their texts
are in history/); of each topic that was released its subjects; of each registry with a name the version and the id that
each subject has there; which tools generated the code, and the hash of the generated tree. Ids stand here and never in
generated code. Each entry has a seal, its own hash, so that an edit by hand is found and named.

Nothing that was released is ever forgotten: a subject with versions, and its topic, stay when no contract wants them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import msgspec

from codegen.errors import CodegenError, DriftError
from codegen.plan.terms import SchemaKind, Wanted, WantedSubject, import_path
from tally.base.written_file import write_file

FILE: Final = "contracts.lock"
FORMAT: Final = 1
TOOLS: Final = ("buf-bin", "grpcio-tools", "mypy-protobuf", "protobuf")
"""What generated code depends on beside codegen itself."""

_CURE: Final = f"undo the edit (git checkout -- {FILE}), then run: codegen generate"


class LockedVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version that others may have; its text is in the history. ``references`` are the versions it was made with."""

    version: int
    fingerprint: str
    references: dict[str, int] = {}
    allowed: str = ""
    """Why it was published although it breaks."""
    file: str | msgspec.UnsetType = msgspec.UNSET
    """The place of an Avro schema below the contracts' folder, after which its module is named."""
    in_place: bool | msgspec.UnsetType = msgspec.UNSET
    """Its text stays in that file, where versions stand in files, and not in the history."""


class LockedSubject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A subject of the contracts as they are, or, when none wants it any more, as they last were.

    ``promised`` is the level that its versions were released under, where ``mode`` is another one now.
    """

    type: SchemaKind
    mode: str | None
    fingerprint: str
    references: tuple[str, ...] = ()
    versions: tuple[LockedVersion, ...] = ()
    promised: str | msgspec.UnsetType | None = msgspec.UNSET
    file: str | msgspec.UnsetType = msgspec.UNSET
    """Of a Protobuf file whose subject is not its import path."""

    @property
    def level(self) -> str | None:
        """The level that its versions were released under."""
        return self.mode if self.promised is msgspec.UNSET else self.promised

    def import_path(self, subject: str) -> str:
        """Return the name by which others import it, under its subject's name."""
        return import_path(subject, self.file or "")


class LockedTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic that was released, and the subjects of its records."""

    subjects: tuple[str, ...]


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a registry has a subject's schema."""

    version: int
    id: int


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    subjects: dict[str, LockedSubject] = {}
    topics: dict[str, LockedTopic] = {}
    registries: dict[str, dict[str, Place]] = {}
    tools: dict[str, str] = {}
    tree: str = ""
    format: int = FORMAT
    seals: dict[str, str] = {}


def load(root: Path) -> Lock | None:
    """Return the lock of a contracts folder, or None without one. Raises DriftError when it was edited by hand."""
    path = root / FILE
    if path.exists() and not path.is_file():
        raise CodegenError(f"{path} is not a regular file; put the lock back: git checkout -- {FILE}")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CodegenError(f"{path} cannot be read: {error}") from error
    try:
        found = msgspec.json.decode(content, type=Lock)
    except msgspec.DecodeError as error:
        raise DriftError(f"{path} was edited by hand: {error}; {_CURE}") from error
    edited = _edited(found)
    if edited:
        raise DriftError(f"{path} was edited by hand: {', '.join(edited)}; {_CURE}")
    return found


def save(root: Path, lock: Lock) -> bool:
    """Write the lock and tell whether it changed. Raises CodegenError."""
    path = root / FILE
    tree = msgspec.to_builtins(msgspec.structs.replace(lock, seals=dict(_seals(lock))))
    text = json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        write_file(path, text)
    except OSError as error:
        raise CodegenError(f"{path} cannot be written: {error}") from error
    return True


def current(old: Lock | None, wanted: Wanted, files: Mapping[str, str]) -> Lock:
    """Return the lock that fits the contracts and the generated files; versions and registries are the old one's."""
    before = old or Lock()
    subjects = {name: subject for name, subject in before.subjects.items() if subject.versions}
    for subject in wanted.subjects:
        if subject.owned:
            subjects[subject.subject] = _current(before.subjects.get(subject.subject), subject)
    tools = {tool: metadata.version(tool) for tool in TOOLS}
    return Lock(subjects, before.topics, before.registries, tools, tree_hash(files))


def _current(before: LockedSubject | None, wanted: WantedSubject) -> LockedSubject:
    level, references = wanted.level_in_force, tuple(each.subject for each in wanted.references)
    now = LockedSubject(wanted.kind, level, wanted.fingerprint, references, file=file_of(wanted))
    if before is None or not before.versions:
        return now
    promised = msgspec.UNSET if before.level == level else before.level
    return msgspec.structs.replace(now, versions=before.versions, promised=promised)


def file_of(subject: WantedSubject) -> str | msgspec.UnsetType:
    """Return the file as the lock has it."""
    return subject.file if subject.kind == "PROTOBUF" and subject.import_path != subject.subject else msgspec.UNSET


def differences(actual: Lock, due: Lock) -> Iterator[str]:
    """Yield a line for each field of a lock that is not what the contracts say."""
    for name in sorted(actual.subjects.keys() | due.subjects.keys()):
        ours, theirs = actual.subjects.get(name), due.subjects.get(name)
        if ours is None or theirs is None:
            yield f"{FILE}: subjects.{name} is " + ("missing" if ours is None else "in no contract")
            continue
        for key in ("type", "mode", "fingerprint", "references"):
            if getattr(ours, key) != getattr(theirs, key):
                yield _differs(f"subjects.{name}.{key}", getattr(ours, key), getattr(theirs, key), "the contracts say")
    for tool in sorted(actual.tools.keys() | due.tools.keys()):
        if actual.tools.get(tool) != due.tools.get(tool):
            yield _differs(f"tools.{tool}", actual.tools.get(tool), due.tools.get(tool), "installed is")
    if actual.tree != due.tree:
        yield _differs("tree", actual.tree, due.tree, "the contracts give")


def tree_hash(files: Mapping[str, str]) -> str:
    """Return the SHA-256 over the names and texts of a tree, as hex."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name, files[name]):
            digest.update(len(part).to_bytes(8, "big") + part.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _differs(key: str, actual: object, due: object, says: str) -> str:
    return f"{FILE}: {key} is {actual or 'missing'!s:.80}, {says} {due or 'nothing'!s:.80}; run: codegen generate"


def _edited(lock: Lock) -> list[str]:
    due = dict(_seals(lock))
    return sorted(name for name in due.keys() | lock.seals.keys() if due.get(name) != lock.seals.get(name))


def _seals(lock: Lock) -> Iterator[tuple[str, str]]:
    for name, subject in lock.subjects.items():
        yield f"subjects.{name}", _seal(subject)
    for name, topic in lock.topics.items():
        yield f"topics.{name}", _seal(topic)
    for registry, places in lock.registries.items():
        for name, place in places.items():
            yield f"registries.{registry}.{name}", _seal(place)
    yield "tools", _seal(lock.tools)
    yield "tree", _seal(lock.tree)


def _seal(value: Any) -> str:
    text = json.dumps(msgspec.to_builtins(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
