"""What there was before the contracts as they are now: the versions, levels and topics that others may rely on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from codegen.plan.judge import OldVersion
from codegen.plan.terms import SchemaKind


@dataclass(frozen=True)
class WasSubject:
    """A subject as it was: its versions, oldest first, and the level that they were released under.

    ``path`` is the name by which Protobuf files import it, ``file`` the place of an Avro schema where it is known.
    """

    kind: SchemaKind
    versions: tuple[OldVersion, ...]
    level: str | None
    path: str
    file: str = ""


@dataclass(frozen=True)
class Was:
    """All of it by name; ``topics`` that were released, with the subjects of their records."""

    subjects: Mapping[str, WasSubject] = field(default_factory=dict)
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def versions(self, subject: str) -> tuple[OldVersion, ...]:
        """Return a subject's versions, oldest first; none when there was no such subject."""
        known = self.subjects.get(subject)
        return known.versions if known is not None else ()

    def beside(self, other: "Was") -> "Was":
        """Return both; of a subject that is in both the versions of the other follow."""
        subjects = dict(self.subjects)
        for name, subject in other.subjects.items():
            known = subjects.get(name, replace(subject, versions=()))
            versions = (*known.versions, *subject.versions)
            subjects[name] = replace(known, versions=versions, level=known.level or subject.level)
        return Was(subjects, {**other.topics, **self.topics})


NOTHING: Final = Was()
