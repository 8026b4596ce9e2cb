"""What ``codegen pull`` writes: the contracts' files, codegen.yaml, and every version in history/ and the lock."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml

from codegen import tree
from codegen.avro.folder import AvroFolder
from codegen.errors import CodegenError, ContractError, DriftError
from codegen.plan import history
from codegen.plan import lock as locks
from codegen.plan.judge import fingerprint
from codegen.plan.lock import Lock, LockedSubject, LockedVersion, Place
from codegen.plan.wanted import stays_here
from codegen.plan.wanted import wanted as wanted_of
from codegen.project import FILE, project_of
from codegen.proto import compiler as proto_compiler
from codegen.remote.pull import Taken
from codegen.remote.registered import Holdings
from codegen.remote.registry_admin import WELL_KNOWN, Registered
from codegen.tree import Contracts
from codegen.version_folders import subject_of
from tally.base.written_file import write_file


@dataclass(frozen=True)
class Written:
    """A line for each new file, the number of versions in the history, and what was left out, with the reason."""

    lines: list[str]
    versions: int
    refused: Mapping[str, str]


def write(folder: Path, held: Holdings, taken: Taken, registry: str) -> Written:
    """Write everything below a folder. ``registry`` is the name that the lock keeps ids under, "" for none.

    Raises CodegenError, and writes nothing, where a file is there and says something else.
    """
    refused = dict(taken.refused)
    with tempfile.TemporaryDirectory() as directory:
        staged = Path(directory)
        lock, texts = _history(held, taken, registry, refused)
        for path, text in (taken.files | texts).items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            write_file(staged / path, text, durable=False)
        locks.save(staged, lock)
        whole = {subject: _entry(held, taken, subject) for subject in taken.newest}
        _save(staged, whole, held.global_level)
        contracts = tree.read(staged)
        table = {
            subject: entry for subject in taken.newest if (entry := _needed(contracts, taken, subject, whole[subject]))
        }
        project = _save(staged, table, held.global_level)
        lock = locks.current(lock, wanted_of(tree.read(staged)), {})
    files = taken.files | texts
    merged = _merged(folder, lock)
    for path, text in files.items():
        _require_same(folder / path, text)
    if project:
        files[FILE] = _with(folder / FILE, project, table, held.global_level)
    lines = [f"{folder / path}{_told(taken, path)}" for path in files if _put(folder / path, files[path])]
    if locks.save(folder, merged):
        lines.append(f"{folder / locks.FILE}")
    return Written([each for each in lines if f"/{history.FOLDER}/" not in each], len(texts), refused)


def _told(taken: Taken, path: str) -> str:
    of = [f"{name}, version {taken.newest[name].version}" for name, file in taken.file_of.items() if file == path]
    return f" ({'; '.join(of)})" if of else ""


def _entry(held: Holdings, taken: Taken, subject: str) -> dict[str, Any]:
    """Return a subject of codegen.yaml in which nothing is left to rules."""
    references = {}
    for each in taken.newest[subject].references:
        if each.name.startswith(WELL_KNOWN):
            continue
        newest = taken.newest.get(each.subject)
        pinned = newest is not None and newest.version != each.version
        references[each.name] = f"{each.subject}@{each.version}" if pinned else each.subject
    level = held.levels.get(subject)
    entry: dict[str, Any] = {"file": taken.file_of[subject]}
    return entry | ({"level": level} if level else {}) | ({"references": references} if references else {})


def _needed(contracts: Contracts, taken: Taken, subject: str, whole: dict[str, Any]) -> dict[str, Any] | None:
    """Return the part of an entry that the rules would not give, None where they give all."""
    said = {(name, other) for name, other in whole.get("references", {}).items()}
    entry = {key: value for key, value in whole.items() if key != "references"}
    if said and said != _by_rules(contracts, taken, whole["file"]):
        entry["references"] = whole["references"]
    schema = contracts.avro.get(whole["file"])
    file = whole["file"]
    usual = subject_of(file, schema.full_name) if schema is not None else file.removeprefix("proto/")
    alone = [each for each, file in taken.file_of.items() if file == whole["file"]] == [subject]
    inherits = contracts.project.level is not None and "level" not in entry
    return None if alone and subject == usual and inherits and "references" not in entry else entry


def _by_rules(contracts: Contracts, taken: Taken, file: str) -> set[tuple[str, str]] | None:
    """Return the references that a file has without a word of codegen.yaml, None where it needs one."""
    of_file: dict[str, str] = {}
    for subject, path in taken.file_of.items():
        of_file.setdefault(path, subject)
    if file in contracts.avro:
        texts = {path: taken.files[path] for path in contracts.avro}
        try:
            uses = AvroFolder(texts, {}, lambda *_: ("", ())).parsed(file).uses
        except ContractError:
            return None
        return {(name, of_file[path]) for name, path in uses.items()}
    (own,) = (each for each in contracts.descriptors.file if f"proto/{each.name}" == file)
    names = [name for name in own.dependency if not stays_here(name, contracts)]
    return {(name, of_file.get(f"proto/{name}", name)) for name in names}


def _save(folder: Path, table: Mapping[str, Any], level: str | None) -> str:
    """Write codegen.yaml and return its text."""
    content = ({"level": level} if level else {}) | ({"subjects": dict(table)} if table else {})
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120) if content else ""
    write_file(folder / FILE, text, durable=False)
    return text


def _with(path: Path, text: str, table: Mapping[str, Any], level: str | None) -> str:
    """Return codegen.yaml with what was pulled after what is there. Raises CodegenError where that says otherwise."""
    if not path.exists():
        return text
    there = project_of(path.parent)
    if not there.subjects and there.level is None:
        before = path.read_text(encoding="utf-8")
        return f"{before.rstrip()}\n{text}" if before.strip() else text
    said = {
        name: {"file": e.file, "level": e.level, "references": dict(e.references)} for name, e in there.subjects.items()
    }
    pulled = {name: {"level": None, "references": {}} | entry for name, entry in table.items()}
    if there.level != level or any(said.get(name) != entry for name, entry in pulled.items()):
        raise CodegenError(f"{path} names other subjects or another level; give an empty folder with --out")
    return path.read_text(encoding="utf-8")


def _history(held: Holdings, taken: Taken, registry: str, refused: dict[str, str]) -> tuple[Lock, dict[str, str]]:
    """Return the lock with every version, and their texts by path. What was left out is told in ``refused``."""
    subjects, texts, places = {}, {}, {}
    found = {subject: (taken.file_of[subject].removeprefix("proto/"), held.all_of(subject)) for subject in taken.newest}
    proto_compiler.prepare(
        ({**dict(held.imports(one)), file: history.pretty(one.kind, one.text)}, file)
        for file, versions in found.values()
        for one in versions
        if one.kind == "PROTOBUF" and file.endswith(".proto")
    )
    for subject, newest in taken.newest.items():
        file, there = found[subject]
        versions = []
        for one in there:
            try:
                meaning = _fingerprint(held, one, newest, file)
            except (ContractError, ValueError, RecursionError) as error:
                problem = error.problem if isinstance(error, ContractError) else str(error)
                refused[f"{subject}, version {one.version}"] = f"is not in the history: {problem.splitlines()[0]}"
                continue
            path = history.path_of(Path(), subject, newest.kind, one.version).as_posix()
            texts[path] = history.pretty(newest.kind, one.text)
            references = {each.subject: each.version or 0 for each in one.references if each.subject in taken.newest}
            versions.append(LockedVersion(one.version, meaning, references))
        name = taken.file_of[subject] if newest.kind == "PROTOBUF" and file != subject else msgspec.UNSET
        level = held.levels.get(subject) or held.global_level
        subjects[subject] = LockedSubject(newest.kind, level, "", (), tuple(versions), file=name)  # type: ignore[arg-type]
        places[subject] = Place(newest.version, newest.id)
    return Lock(subjects, registries={registry: places} if registry else {}), texts


def _fingerprint(held: Holdings, one: Registered, newest: Registered, file: str) -> str:
    if one.kind != newest.kind:
        raise ValueError(f"it is of type {one.kind}, and the newest of type {newest.kind}")
    return fingerprint(one.kind, file, history.pretty(one.kind, one.text), held.imports(one))


def _merged(folder: Path, pulled: Lock) -> Lock:
    """Return the lock with what was pulled. Raises DriftError where it has other versions."""
    there = locks.load(folder)
    if there is None:
        return pulled
    for name, subject in pulled.subjects.items():
        known = there.subjects[name].versions if name in there.subjects else ()
        if subject.versions[: len(known)] != known:
            raise DriftError(f"{folder / locks.FILE} has other versions of {name}; give an empty folder with --out")
    registries = {**there.registries}
    for name, places in pulled.registries.items():
        registries[name] = {**registries.get(name, {}), **places}
    return msgspec.structs.replace(there, subjects={**there.subjects, **pulled.subjects}, registries=registries)


def _require_same(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise CodegenError(f"{path} exists with other content; give an empty folder with --out, or delete it")


def _put(path: Path, text: str) -> bool:
    """Write a file that is not there as it should be, and tell whether it was not."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text)
    return True
