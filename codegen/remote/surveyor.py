"""Compares a registry and Kafka with the contracts: what is there, and what speaks against what would be new.

Nothing is changed, and nothing is waited for: whoever asks repeats what fails (`codegen.remote.publish`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from codegen.plan.changes import plan
from codegen.plan.file_versions import as_old
from codegen.plan.judge import (
    OldVersion,
    fingerprint,
    has_rules,
    notes,
    objections,
    rule_changes,
    rule_objections,
    same_meaning,
)
from codegen.plan.lost import lost
from codegen.plan.terms import Change, Found, FoundSubject, Lost, Opinions, Wanted, WantedSubject
from codegen.plan.was import Was, WasSubject
from codegen.remote import registry_admin
from codegen.remote.capabilities import NOTHING_TOLD, Asked, Capabilities
from codegen.remote.kafka_admin import KafkaAdmin
from tally.registry.http import RegistryHttp

PROBE_TIMEOUT_S: Final = 3.0
"""For Kafka's answer to the question who its brokers are."""


@dataclass(frozen=True)
class Survey:
    """What was found, and what speaks against the changes."""

    wanted: Wanted
    found: Found
    opinions: Opinions
    registry: Capabilities = NOTHING_TOLD

    @property
    def changes(self) -> tuple[Change, ...]:
        """The plan."""
        return plan(self.wanted, self.found, self.opinions)


class Surveyor:
    """Asks one registry and one Kafka. Its methods raise RegistryError and KafkaNotReady.

    ``kafka`` None leaves the topics alone. ``remembered`` is what the lock says that there was, and ``against`` what
    others may have beside the registry's versions.
    """

    def __init__(self, http: RegistryHttp, kafka: KafkaAdmin | None, remembered: Was, against: Was) -> None:
        self._http = http
        self._can = Asked(http)
        self._kafka = kafka
        self._remembered = remembered
        self._against = against

    def survey(self, wanted: Wanted, prefix: str | None) -> Survey:
        """Read what is there and judge what would be new. Subjects with a ``prefix`` that no contract wants are
        unwanted."""
        found = self.read(wanted)
        against: dict[str, tuple[str, ...]] = {}
        noted: dict[str, tuple[str, ...]] = {}
        subjects = dict(found.subjects)
        histories: dict[str, tuple[OldVersion, ...]] = {}
        for subject in wanted.subjects:
            known = found.subjects.get(subject.subject, FoundSubject())
            if known.matching_version is not None or not subject.owned:
                if (about := self._other_rules(subject, known)) is not None:
                    subjects[subject.subject] = replace(known, other_rules=True)
                    against[subject.subject], noted[subject.subject] = about
                continue
            if subject.level is None:
                subject = replace(subject, inherited=known.level or found.global_level)  # noqa: PLW2901
            history = registry_admin.read_history(self._http, subject.subject, known.versions)
            histories[subject.subject] = history
            if history and same_meaning(subject, history[-1]):
                subjects[subject.subject] = replace(known, docs_only=True)
                continue
            new_name = f"v{max(known.versions, default=0) + 1}"
            if said := self._objections(subject, known, history, found, new_name):
                against[subject.subject] = said
            if history:
                noted[subject.subject] = notes(subject, history[-1], new_name)
        unwanted: tuple[str, ...] = ()
        if prefix is not None:
            names = {subject.subject for subject in wanted.subjects}
            all_names = registry_admin.list_subjects(self._http)
            unwanted = tuple(name for name in all_names if name.startswith(prefix) and name not in names)
        unready = [subject.subject for subject in wanted.subjects if not _settled(subject, found)]
        opinions = Opinions(against, {}, unwanted, tuple(self._lost(wanted, found, histories)), noted)
        modal = self.with_modes(replace(found, subjects=subjects), [*unready, *unwanted])
        return Survey(wanted, modal, opinions, self._can())

    def _other_rules(
        self, wanted: WantedSubject, known: FoundSubject
    ) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Return (objections, notes) about rules that changed where the registry, to which they are comments, is blind.

        They are compared with the lock's versions, else with the text that the registry has.
        """
        if known.matching_version is None or not wanted.owned or not has_rules(wanted):
            return None
        remembered = self._remembered.versions(wanted.subject)
        versions = remembered or registry_admin.read_history(self._http, wanted.subject, [known.matching_version])
        if not has_rules(versions[-1]) or not rule_changes(wanted.import_path, versions[-1], wanted):
            return None
        name = "this version"
        return rule_objections(wanted, versions, name), notes(wanted, versions[-1], name)

    def _lost(self, wanted: Wanted, found: Found, histories: Mapping[str, tuple[OldVersion, ...]]) -> list[Lost]:
        """Return what the lock remembers, or is to be compared with, and is lost; what is not here is no loss here.

        Levels are the lock's; without it the registry's own.
        """
        known = self._remembered.beside(self._against)
        subjects = {}
        for subject in (each for each in wanted.subjects if each.owned):
            there = found.subjects.get(subject.subject, FoundSubject())
            same = (OldVersion(f"v{there.matching_version}", subject.text, subject.imports),)
            versions = histories.get(subject.subject, same if there.matching_version else ())
            every = (*versions, *self._against.versions(subject.subject))
            here = WasSubject(subject.kind, every, there.level, subject.import_path)
            released = known.subjects.get(subject.subject)
            if released is not None and released.versions:
                here = replace(here, level=released.level, file=released.file)
            subjects[subject.subject] = here
        for name in sorted(known.subjects.keys() - {subject.subject for subject in wanted.subjects}):
            if numbers := registry_admin.versions(self._http, name):
                versions = registry_admin.read_history(self._http, name, numbers)
                subjects[name] = replace(known.subjects[name], versions=versions)
        gone = known.topics.keys() - {topic.name for topic in wanted.topics}
        still = self._kafka.read(sorted(gone)) if self._kafka is not None and gone else {}
        not_here = {f"topic {name}" for name in gone - still.keys()}
        return [loss for loss in lost(Was(subjects, known.topics), wanted) if loss.name not in not_here]

    def with_modes(self, found: Found, names: Iterable[str]) -> Found:
        """Return what was found with the modes of subjects that are to be changed; some registries have none."""
        subjects, can = dict(found.subjects), self._can()
        for name in names if can.modes else ():
            mode = registry_admin.mode_of(self._http, name, can.mode)
            subjects[name] = replace(subjects.get(name, FoundSubject()), mode=mode)
        return replace(found, subjects=subjects)

    def _objections(
        self, wanted: WantedSubject, known: FoundSubject, history: Sequence[OldVersion], found: Found, new_name: str
    ) -> tuple[str, ...]:
        """Return the union of verdicts: any objection blocks."""
        said = [*objections(wanted, history, new_name)]
        for against in (_in_files(wanted, history), self._against.versions(wanted.subject)):
            if against:
                said += [sentence for sentence in objections(wanted, against, new_name) if sentence not in said]
        # Under another level than ours the registry's answer would be to another question.
        if known.versions and wanted.level in {None, known.level}:
            theirs = registry_admin.registry_objection(self._http, wanted, found.subjects)
            said += [theirs] if theirs is not None else []
        return tuple(said)

    def read(self, wanted: Wanted) -> Found:
        """Read what is there now."""
        subjects = registry_admin.read_subjects(self._http, wanted.subjects)
        relied_on = wanted.global_level or any(each.owned and each.level is None for each in wanted.subjects)
        level = registry_admin.global_level(self._http) if relied_on else None
        if self._kafka is None:
            return Found(subjects, {}, 0, level)
        brokers = self._kafka.brokers(PROBE_TIMEOUT_S)
        topics = self._kafka.read([topic.name for topic in wanted.topics]) if wanted.topics else {}
        return Found(subjects, topics, brokers, level)


def _in_files(wanted: WantedSubject, history: Sequence[OldVersion]) -> tuple[OldVersion, ...]:
    """Return the older versions in files that the registry does not have, by the names of their files."""
    if not wanted.versions:
        return ()
    registered = {fingerprint(wanted.kind, wanted.import_path, old.text, old.imports) for old in history}
    older = (each for each in wanted.versions[:-1] if each.fingerprint not in registered)
    return tuple(replace(as_old(each), name=each.file) for each in older)


def _settled(wanted: WantedSubject, found: Found) -> bool:
    """Tell whether a subject is as it is wanted, so that nothing will be done to it."""
    known = found.subjects.get(wanted.subject, FoundSubject())
    return known.matching_version is not None and wanted.level in {None, known.level}
