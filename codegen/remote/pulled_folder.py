"""What ``codegen pull`` writes: the contracts' files, codegen.yaml, and every version in history/ and the lock."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen import tree
from codegen.avro.folder import AvroFolder
from codegen.errors import CodegenError, ContractError
from codegen.plan import history
from codegen.plan import lock as locks
from codegen.plan.wanted import referenced
from codegen.plan.wanted import wanted as wanted_of
from codegen.project import FILE, SubjectEntry
from codegen.remote.pull import Taken
from codegen.remote.pulled_before import Before, changed_entries, changed_files, equal
from codegen.remote.pulled_history import ELSEWHERE, history_of, with_pulled
from codegen.remote.registered import Holdings
from codegen.remote.registry_admin import WELL_KNOWN
from codegen.remote.yaml_entries import dumped, with_entries
from codegen.tree import Contracts
from codegen.version_folders import subject_of
from tally.base.written_file import write_file


@dataclass(frozen=True)
class Written:
    """A line for each new file, the number of versions in the history, and what was left out, with the reason."""

    lines: list[str]
    versions: int
    refused: Mapping[str, str]


def write(there: Before, held: Holdings, taken: Taken, registry: str, *, overwrite: bool = False) -> Written:
    """Write everything below a folder. ``registry`` is the name that the lock keeps ids under, "" for none.

    Raises CodegenError, and writes nothing, where something was changed there that no version has, unless it is to be
    written over; a version in the history never is.
    """
    folder = there.folder
    refused = dict(taken.refused)
    with tempfile.TemporaryDirectory() as directory:
        staged = Path(directory)
        lock, texts = history_of(held, taken, registry, refused)
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
        _save(staged, table, held.global_level)
        lock = locks.current(lock, wanted_of(tree.read(staged)), {})
    merged = with_pulled(there, lock)
    for path, text in texts.items():
        _require_same(folder / path, text)
    replaced = [
        path for path, text in taken.files.items() if not (folder / path).exists() or not equal(folder / path, text)
    ]
    changed = [] if overwrite else list(changed_files(there, held, taken, replaced))
    if changed:
        names = ", ".join(str(path) for path in changed)
        raise CodegenError(
            f"{names}: changed here, and no version of it is like that; publish it first (codegen publish), undo the "
            "change, or give --overwrite to take what the registry has"
        )
    files = {path: taken.files[path] for path in replaced} | texts
    if said := _with(there, whole, table, held.global_level, overwrite=overwrite):
        files[FILE] = said
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
    return {(name, of_file.get(f"proto/{name}", name)) for name in referenced(own, contracts)}


def _save(folder: Path, table: Mapping[str, Any], level: str | None) -> None:
    """Write codegen.yaml."""
    content = ({"level": level} if level else {}) | ({"subjects": dict(table)} if table else {})
    write_file(folder / FILE, dumped(content), durable=False)


def _with(
    there: Before, whole: Mapping[str, Any], table: Mapping[str, Any], level: str | None, *, overwrite: bool
) -> str:
    """Return codegen.yaml with what was pulled. Raises CodegenError for what was changed there and would go."""
    path = there.folder / FILE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    said = {name: _plain(entry) for name, entry in there.project.subjects.items()}
    due = {name: table.get(name) for name in whole if said.get(name) not in (table.get(name), whole[name])}
    if there.project.level == level and not due:
        return text
    changed = [] if overwrite else list(changed_entries(there, due, whole, level))
    if changed:
        raise CodegenError(
            f"{path} has {', '.join(changed)} otherwise than the registry, and not from it; publish it first "
            "(codegen publish), undo the change, or give --overwrite to take what the registry has"
        )
    return with_entries(str(path), text, level, due)


def _plain(entry: SubjectEntry) -> dict[str, Any]:
    found = {"file": entry.file, "level": entry.level, "references": dict(entry.references)}
    return {key: value for key, value in found.items() if value}


def _require_same(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
        raise CodegenError(f"{path} exists with other content, and history is never written over; {ELSEWHERE}")


def _put(path: Path, text: str) -> bool:
    """Write a file that is not there as it should be, and tell whether it was not."""
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text)
    return True
