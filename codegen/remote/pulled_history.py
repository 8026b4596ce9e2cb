"""Every version that was pulled, for history/ and the lock."""

from pathlib import Path
from typing import Final

import msgspec

from codegen.errors import ContractError, DriftError
from codegen.plan import history
from codegen.plan import lock as locks
from codegen.plan.judge import fingerprint
from codegen.plan.lock import Lock, LockedSubject, LockedVersion, Place
from codegen.proto import compiler as proto_compiler
from codegen.remote.pull import Taken
from codegen.remote.pulled_before import Before
from codegen.remote.registered import Holdings
from codegen.remote.registry_admin import Registered

ELSEWHERE: Final = "give an empty folder with --out"
"""What helps where two histories do not fit."""


def history_of(held: Holdings, taken: Taken, registry: str, refused: dict[str, str]) -> tuple[Lock, dict[str, str]]:
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


def with_pulled(there: Before, pulled: Lock) -> Lock:
    """Return the lock of a folder with what was pulled into it.

    Raises DriftError where a version of the same number is another one.
    """
    subjects, registries = dict(there.lock.subjects), dict(there.lock.registries)
    for name, subject in pulled.subjects.items():
        versions = {each.version: each for each in subject.versions}
        for known in subjects[name].versions if name in subjects else ():
            if versions.get(known.version, known).fingerprint != known.fingerprint:
                raise DriftError(
                    f"{there.folder / locks.FILE} has another version {known.version} of {name}; {ELSEWHERE}"
                )
            versions[known.version] = known
        subjects[name] = msgspec.structs.replace(subject, versions=tuple(versions[each] for each in sorted(versions)))
    for name, places in pulled.registries.items():
        registries[name] = {**registries.get(name, {}), **places}
    base = there.lock if there.lock.tools else pulled  # or there was none
    return msgspec.structs.replace(base, subjects=subjects, registries=registries)
