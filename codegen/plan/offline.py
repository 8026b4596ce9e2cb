"""Plans without a registry: against the versions in the lock's history, or against the contracts of a git revision."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from codegen import tree
from codegen.errors import CodegenError, DriftError
from codegen.plan import history, lock
from codegen.plan.file_versions import number_of, with_files
from codegen.plan.judge import OldVersion, notes, objections, same_meaning, same_text
from codegen.plan.lost import lost
from codegen.plan.terms import Found, FoundSubject, Opinions, Wanted, WantedSubject
from codegen.plan.wanted import wanted as wanted_of
from codegen.plan.was import NOTHING, Was, WasSubject
from codegen.proto import compiler as proto_compiler
from codegen.remote.surveyor import Survey

_GIT_TIMEOUT_S: Final = 60
_GIT: Final = "git:"


def what_was(root: Path, against: str | None) -> Was:
    """Return what ``--against`` means; nothing without it. Raises CodegenError."""
    if against is None:
        return NOTHING
    if against == "lock":
        locked = lock.load(root)
        if unlisted := list(history.unlisted(root, locked)):
            raise DriftError("\n  ".join(unlisted))
        return history.was(root, locked)
    if against.startswith(_GIT):
        return _of_git(root, against.removeprefix(_GIT))
    raise CodegenError(f"--against is {against!r}; allowed is lock, or git: and a revision, for example git:main")


def survey(wanted: Wanted, was: Was) -> Survey:
    """Return what a plan says when that is all there was. Topics' configuration is not looked at. Raises DriftError."""
    was = with_files(was, wanted)
    _compile(wanted, was)
    subjects: dict[str, FoundSubject] = {}
    said: dict[str, tuple[str, ...]] = {}
    noted: dict[str, tuple[str, ...]] = {}
    for subject in wanted.subjects:
        versions = was.versions(subject.subject)
        numbers = tuple(number_of(version) or i for i, version in enumerate(versions, 1))
        found = FoundSubject(numbers, subject.level, None if subject.owned else max(numbers, default=None))
        if versions and subject.owned and same_meaning(subject, versions[-1]):
            same = same_text(subject, versions[-1])
            found = replace(found, matching_version=numbers[-1] if same else None, docs_only=not same)
        elif subject.owned:
            name = _name(subject, versions)
            said[subject.subject] = objections(subject, versions, name)
            noted[subject.subject] = notes(subject, versions[-1], name) if versions else ()
        subjects[subject.subject] = found
    # Files of other packages have no history here; a registry plan tells whether they are missing.
    own = tuple(subject for subject in wanted.subjects if subject.owned)
    return Survey(Wanted(own, ()), Found(subjects, {}, 0), Opinions(said, lost=lost(was, wanted), notes=noted))


def _compile(wanted: Wanted, was: Was) -> None:
    """Compile all Protobuf versions, old and new, together."""
    compared = [each for each in wanted.subjects if each.kind == "PROTOBUF" and was.versions(each.subject)]
    new = [(each.import_path, each.text, each.imports) for each in compared]
    old = [(each.import_path, v.text, v.imports) for each in compared for v in was.versions(each.subject)]
    proto_compiler.prepare(({**dict(imports), name: text}, name) for name, text, imports in (*new, *old))


def _name(wanted: WantedSubject, versions: Sequence[OldVersion]) -> str:
    if versions and versions[-1].name.startswith(_GIT):
        return "this version"
    return wanted.versions[-1].name if wanted.versions else f"v{number_of(versions[-1]) + 1 if versions else 1}"


def _of_git(root: Path, revision: str) -> Was:
    if revision.startswith("-") or not revision:
        raise CodegenError(f"--against git:{revision}: is not a revision")
    prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
    top = Path(_git(root, "rev-parse", "--show-toplevel").decode().strip())
    archive = _git(top, "archive", "--format=tar", f"{revision}:{prefix}")
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(directory, filter="data")
        found = wanted_of(tree.read(Path(directory), released=True))
    name = f"{_GIT}{revision}"
    subjects = {
        s.subject: WasSubject(s.kind, (OldVersion(name, s.text, s.imports),), s.level_in_force, s.import_path, s.file)
        for s in found.subjects
        if s.owned
    }
    return Was(subjects, {topic.name: topic.subjects for topic in found.topics})


def _git(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, timeout=_GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CodegenError(f"git {arguments[0]} cannot be run in {root}: {error}") from error
    if done.returncode != 0:
        raise CodegenError(f"git {' '.join(arguments)} in {root}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
