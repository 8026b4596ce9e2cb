"""What a folder holds already when contracts are pulled into it, and what of it nobody else has.

A file may be replaced when its text is that of any version of its subject, in the registry or in the history here. So
may a level that the subject's versions were released under, and references that a version had.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen import tree
from codegen.avro.folder import split_reference
from codegen.json_places import plain
from codegen.plan import history
from codegen.plan import lock as locks
from codegen.plan.lock import Lock, LockedSubject
from codegen.project import Project, SubjectEntry, project_of
from codegen.remote.pull import Taken
from codegen.remote.registered import Holdings, is_meant
from codegen.remote.registry_text import with_rules
from codegen.subjects import claims


@dataclass(frozen=True)
class Before:
    """A folder: its lock, its codegen.yaml, and the file of each subject, below the folder."""

    folder: Path
    lock: Lock
    project: Project
    files: Mapping[str, str]


def before(folder: Path) -> Before:
    """Return what a folder holds, nothing where there is none. Raises CodegenError."""
    lock, project = locks.load(folder), project_of(folder)
    if lock is None:
        return Before(folder, Lock(), project, {})
    contracts, _ = tree.read_all(folder)  # what is wrong with a file is told when it would be replaced
    files: dict[str, str] = {}
    for claim in claims(contracts.topics, contracts.avro, contracts.proto, project.subjects):
        files.setdefault(claim.subject, claim.schema)
    return Before(folder, lock, project, files)


def gone(there: Before, held: Holdings, patterns: Iterable[str]) -> list[str]:
    """Return the subjects of the folder with versions that the patterns mean and the registry does not have."""
    wanted = [pattern.partition("@")[0] for pattern in patterns]
    released = (name for name in there.files if name in there.lock.subjects and there.lock.subjects[name].versions)
    missing = (name for name in released if not held.versions.get(name))
    return sorted(name for name in missing if any(is_meant(name, pattern) for pattern in wanted))


def equal(path: Path, text: str) -> bool:
    """Tell whether a file says what a text says: an Avro file may be laid out otherwise."""
    found = path.read_text(encoding="utf-8", errors="replace")
    return found == text or (path.suffix == ".avsc" and _json(found) == _json(text))


def changed_files(there: Before, held: Holdings, taken: Taken, paths: Collection[str]) -> Iterator[Path]:
    """Yield those of the files whose text is not that of any version. Raises DriftError for an edited history."""
    for path in paths:
        file = there.folder / path
        if file.exists() and not any(equal(file, text) for text in _known(there, held, taken, path)):
            yield file


def _known(there: Before, held: Holdings, taken: Taken, path: str) -> Iterator[str]:
    """Yield the texts that a file has had, or would have: of all versions of the subjects that stand in it."""
    name = path.removeprefix("proto/")
    for subject in [one for files in (taken.file_of, there.files) for one, file in files.items() if file == path]:
        versions = [(one.text, held.imports(one)) for one in held.all_of(subject) if _is_of(one.kind, path)]
        if subject in there.lock.subjects and _is_of(there.lock.subjects[subject].type, path):
            found = history.versions_of(there.folder, there.lock, subject)
            versions += [(each.text, each.imports) for each in found]
        for text, imports in versions:
            if path.endswith(".avsc"):
                yield text
                continue
            pretty = history.pretty("PROTOBUF", text)
            yield pretty
            yield with_rules({**dict(imports), name: pretty}, name)


def _is_of(kind: str, path: str) -> bool:
    return path.endswith({"AVRO": ".avsc", "PROTOBUF": ".proto"}.get(kind, "\0"))


def _json(text: str) -> Any:
    """Return what an Avro text says, and the text itself where it is no JSON."""
    try:
        return json.loads(plain(text))
    except (ValueError, RecursionError):
        return text


def changed_entries(
    there: Before, entries: Mapping[str, Any], subjects: Collection[str], level: str | None
) -> Iterator[str]:
    """Yield what codegen.yaml says that no pull wrote, of the ``entries`` and of the level, which are to be replaced.

    ``subjects`` are all that were pulled.
    """
    project, locked = there.project, there.lock.subjects
    for name in entries:
        entry, known = project.subjects.get(name), locked.get(name)
        if known is None:
            if entry is not None:
                yield f"subjects.{name}"
        elif ((entry.level if entry else None) or project.level) != known.level:
            yield f"subjects.{name}.level"
        elif entry is not None and entry.references and not _released(there.lock, known, entry):
            yield f"subjects.{name}.references"
    if project.level not in (level, None):
        inherited = [locked[name].level for name in subjects if name in locked and not _own_level(project, name)]
        if not inherited or set(inherited) != {project.level}:
            yield "level"


def _own_level(project: Project, name: str) -> str | None:
    entry = project.subjects.get(name)
    return entry.level if entry is not None else None


def _released(lock: Lock, known: LockedSubject, entry: SubjectEntry) -> bool:
    """Tell whether a version was made with the references of an entry."""
    found = {}
    for other in entry.references.values():
        subject, version = split_reference(other)
        newest = lock.subjects[subject].versions[-1:] if subject in lock.subjects else ()
        found[subject] = version or next((each.version for each in newest), None)
    return any(version.references == found for version in known.versions)
