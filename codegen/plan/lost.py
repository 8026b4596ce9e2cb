"""What others may rely on and the contracts have no more: subjects, topics, levels, and what Protobuf files held.

A plan compares what is wanted with what was; this walks what was. Each loss is a line that stops the plan, with whom it
breaks, until retired.yaml says that it is meant.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from codegen.avro.compat import directions_of, looked_at
from codegen.avro.references import stand_alone
from codegen.errors import ContractError
from codegen.plan.judge import OldVersion, fingerprint
from codegen.plan.retired import FILE, of_subject
from codegen.plan.terms import Kind, Lost, Wanted, WantedSubject
from codegen.plan.was import Was, WasSubject
from codegen.proto.compiler import Files, descriptors_of, prepare
from codegen.proto.gone import definitions, gone, names_of, outermost

_NAMED_MAX = 5


def lost(was: Was, wanted: Wanted) -> tuple[Lost, ...]:
    """Return what is lost, each under the name that retired.yaml would call it by."""
    found = _Walk(was, wanted)
    return (*found.topics(), *found.subjects(), *found.files(), *found.types(), *found.levels())


class _Walk:
    def __init__(self, was: Was, wanted: Wanted) -> None:
        self._was = was
        self._retired = wanted.retired
        self._topics = {topic.name: topic.subjects for topic in wanted.topics}
        self._wanted = {subject.subject: subject for subject in wanted.subjects}
        released = {name: subject for name, subject in was.subjects.items() if subject.versions}
        self._known = {name: subject for name, subject in released.items() if name in self._wanted}
        self._gone = {name: subject for name, subject in released.items() if name not in self._wanted}
        self._moved = {name: self._successor(subject) for name, subject in self._gone.items()}

    def topics(self) -> Iterator[Lost]:
        """Yield the topics that no contract describes any more."""
        for name, subjects in self._was.topics.items():
            if name in self._topics:
                continue
            carried = {self._moved.get(subject) or subject for subject in subjects}
            new = (other for other in self._topics if other not in self._was.topics)
            moved = next((other for other in new if carried & set(self._topics[other])), "")
            whom = f"who writes or reads {name} does so by this name"
            yield _loss(f"topic {name}", moved, whom, self._retired.get(f"topic {name}", ""))

    def subjects(self) -> Iterator[Lost]:
        """Yield the subjects that no contract wants any more."""
        for name, subject in self._gone.items():
            versions = _named(subject.versions)
            if subject.kind == "AVRO":
                whom = f"programs on {versions} look it up by this name and read records of it"
            else:
                whom = f"programs on {versions} use {_content(subject)} of it"
            reason = of_subject(self._retired, name, self._was.topics)
            yield _loss(f"subject {name}", self._moved[name], whom, reason)

    def files(self) -> Iterator[Lost]:
        """Yield the Avro files that have another name, and with it the modules of their classes."""
        for name, subject in self._known.items():
            file = self._wanted[name].file
            there = {file, *(each.file for each in self._wanted[name].versions)}
            if subject.kind == "AVRO" and subject.file and file and subject.file not in there:
                whom = "programs import its classes from a module of this name"
                yield _loss(f"file {subject.file}", file, whom, self._retired.get(f"file {subject.file}", ""))

    def types(self) -> Iterator[Lost]:
        """Yield what Protobuf files held that are still there, and no contract holds now, or another file otherwise."""
        told: set[str] = set()
        for name, subject in self._known.items():
            wanted = self._wanted[name]
            level = wanted.level_in_force or "NONE"
            for version in looked_at(subject.versions, level) if subject.kind != "AVRO" and level != "NONE" else ():
                if version.text == wanted.text or (files := _compiled(subject.path, version)) is None:
                    continue  # what does not compile cannot be compared with: the verdict on the schema says so
                for key, whom in gone(subject.path, files, self._names):
                    if key not in told:
                        told.add(key)
                        yield _loss(key, "", f"{version.name} has it: {whom}", self._retired.get(key, ""))
                for key, path in self._changed_on_the_way(name, definitions(subject.path, files)):
                    if key not in told:
                        told.add(key)
                        yield _changed(key, path, version.name, self._retired.get(key, ""))

    def _changed_on_the_way(self, subject: str, old: dict[str, bytes]) -> Iterator[tuple[str, str]]:
        """Yield (name, file) of what a file held and another one holds now, for the first time, and otherwise.

        Each file is compared with its own history, so nothing else compares the two.
        """
        here = self._defined.get(subject, {})
        for other, there in self._defined.items():
            for key in sorted(old.keys() & there.keys() - here.keys()):
                if old[key] != there[key] and key not in self._released(other):
                    yield key, self._wanted[other].import_path

    def _released(self, subject: str) -> set[str]:
        """Return the names of what the newest version of a Protobuf file holds; of a new file, nothing."""
        versions = self._was.versions(subject)
        return _held(self._was.subjects[subject].path, versions[-1]) if versions else set()

    def levels(self) -> Iterator[Lost]:
        """Yield the levels that promise less than those that versions were released under."""
        for name, subject in self._known.items():
            level = self._wanted[name].level_in_force
            if subject.level is not None and level is not None and _promises_less(level, subject.level):
                sentence = f"{subject.level} -> {level}"
                if retired := self._retired.get(f"level {name}"):
                    yield Lost(Kind.NOOP, f"level {name}", f"{sentence}; {retired}")
                    continue
                whom = f"{_named(subject.versions)} were released with the promise {subject.level}; "
                yield Lost(Kind.CONFIG, f"level {name}", sentence, (whom + _cure(f"level {name}"),))

    def _successor(self, subject: WasSubject) -> str:
        """Return the subject that has what one had that is gone: its schema, or all that its file held; or nothing."""
        old = subject.versions[-1]
        for other in self._wanted.values():
            if other.owned and other.kind == subject.kind:
                if other.kind == "PROTOBUF" and _held(subject.path, old) <= self._holds[other.subject]:
                    return other.subject
                if other.kind == "AVRO" and not self._was.versions(other.subject) and _shape(other) == _shape(old):
                    return other.subject
        return ""

    @cached_property
    def _holds(self) -> dict[str, set[str]]:
        """What each Protobuf file of the contracts holds, by its subject."""
        own = [each for each in self._wanted.values() if each.kind == "PROTOBUF" and each.owned]
        prepare(({**dict(each.imports), each.import_path: each.text}, each.import_path) for each in own)
        return {each.subject: _held(each.import_path, each) for each in own}

    @cached_property
    def _defined(self) -> dict[str, dict[str, bytes]]:
        """What each Protobuf file of the contracts says, by its subject."""
        own = (self._wanted[subject] for subject in self._holds)
        compiled = ((each, _compiled(each.import_path, each)) for each in own)
        return {each.subject: definitions(each.import_path, files) for each, files in compiled if files is not None}

    @cached_property
    def _names(self) -> set[str]:
        """All that the Protobuf files of the contracts hold."""
        return {name for names in self._holds.values() for name in names}


def _loss(name: str, moved: str, whom: str, retired: str) -> Lost:
    sentence = f"is {moved} now" if moved else "is in no contract any more"
    if retired:
        return Lost(Kind.NOOP, name, f"{sentence}; {retired}")
    return Lost(Kind.RENAME if moved else Kind.DELETE, name, sentence, (f"{whom}; {_cure(name, moved)}",))


def _changed(name: str, path: str, version: str, retired: str) -> Lost:
    sentence = f"is in {path} now, and not as it was in {version}"
    if retired:
        return Lost(Kind.NOOP, name, f"{sentence}; {retired}")
    cure = f"move it as it is and change it afterwards, or say in {FILE} why it may: `{name}:` with date and reason"
    return Lost(Kind.DELETE, name, sentence, (f"two changes at once cannot be judged; {cure}",))


def _shape(schema: WantedSubject | OldVersion) -> str:
    """Return the meaning of an Avro schema, whatever its top is called."""
    text = stand_alone(schema.text, schema.imports)
    try:
        top: Any = json.loads(text)
    except (ValueError, RecursionError):  # registries may hold anything
        return text
    if isinstance(top, dict) and "name" in top:
        text = json.dumps({**top, "name": "Top", "namespace": "nowhere"})
    return fingerprint("AVRO", "", text)


def _compiled(path: str, version: WantedSubject | OldVersion) -> Files | None:
    """Return a Protobuf file with what it imports, or None when it does not compile here."""
    try:
        return descriptors_of({**dict(version.imports), path: version.text}, path)
    except ContractError:
        return None


def _held(path: str, version: OldVersion | WantedSubject) -> set[str]:
    """Return the names of what a Protobuf file holds; of one that does not compile itself, which nothing else has."""
    files = _compiled(path, version)
    return set(names_of(files, [path])) if files is not None else {path}


def _content(subject: WasSubject) -> str:
    """Return what a file holds, as far as it fits into a sentence."""
    files = _compiled(subject.path, subject.versions[-1])
    names = names_of(files, [subject.path]) if files is not None else {}
    held = outermost({name: owner for name, owner in names.items() if owner})
    more = f" and {len(held) - _NAMED_MAX} more" if held[_NAMED_MAX:] else ""
    return ", ".join(held[:_NAMED_MAX]) + more if held else "what it holds"


def _named(versions: Sequence[OldVersion]) -> str:
    names = [version.name for version in versions]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _promises_less(level: str, than: str) -> bool:
    directions = set(directions_of(than)) - set(directions_of(level))
    transitive = than.endswith("_TRANSITIVE") and not level.endswith("_TRANSITIVE")
    return bool(directions or transitive)


def _cure(name: str, moved: str = "") -> str:
    entry = f"moved_to: {moved}" if moved else "date and reason"
    return f"put it back, or if nobody relies on it any more, say so in {FILE}: `{name}:` with {entry}"
