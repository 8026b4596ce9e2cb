"""What a registry has of some subjects, read whole: every version, and all that they refer to."""

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from codegen.errors import CodegenError
from codegen.plan.judge import OldVersion
from codegen.plan.terms import Reference
from codegen.remote import registry_admin
from codegen.remote.capabilities import DEFAULT_CONTEXT, Asked, split_context
from codegen.remote.registry_admin import Registered
from tally.registry.http import RegistryHttp


@dataclass
class Holdings:
    """What was read: versions by subject, oldest first; levels of subjects that have one of their own.

    ``hidden`` are versions that were deleted softly: kept for those that refer to them.
    """

    versions: dict[str, list[Registered]] = field(default_factory=dict)
    hidden: dict[tuple[str, int], Registered] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)
    global_level: str | None = None

    def version(self, subject: str, number: int) -> Registered | None:
        """Return one version, None where the registry does not have it."""
        there = (each for each in self.versions.get(subject, ()) if each.version == number)
        return next(there, self.hidden.get((subject, number)))

    def imports(self, one: Registered) -> tuple[tuple[str, str], ...]:
        """Return (name, text) of all that a version needs, by way of others too."""
        found: dict[str, str] = {}
        waiting = list(one.references)
        for each in waiting:  # grows while it is walked
            other = self.version(each.subject, each.version or 0)
            if other is not None and each.name not in found:
                found[each.name] = other.text
                waiting += other.references
        return tuple(found.items())

    def old(self, one: Registered) -> OldVersion:
        """Return a version as it is compared with."""
        return OldVersion(f"v{one.version}", one.text, self.imports(one))


def matching(http: RegistryHttp, patterns: Iterable[str]) -> dict[str, int | None]:
    """Return the subjects that ``PATTERN[@VERSION]`` mean, each with its newest version that is wanted, None for any.

    A pattern means subjects of the default context, or of the address's; ``:.staging:orders*`` those of another.
    Raises CodegenError and RegistryError.
    """
    found: dict[str, int | None] = {}
    for pattern in patterns:
        wanted, _, version = pattern.partition("@")
        if version not in {"", "latest"} and not version.isdigit():
            raise CodegenError(f"--subject {pattern}: the version is {version!r}; allowed is a number, or latest")
        elsewhere = wanted.startswith(":")
        subjects = registry_admin.list_subjects(http, split_context(wanted)[0] if elsewhere else "")
        names = [name for name in subjects if name.startswith(":.") == elsewhere and fnmatch.fnmatchcase(name, wanted)]
        if not names:
            shown = ", ".join(subjects[:20]) + (", …" if subjects[20:] else "")
            raise CodegenError(f"--subject {wanted}: matches no subject of {http.url}; there are {shown or 'none'}")
        found |= dict.fromkeys(names, int(version) if version.isdigit() else None)
    return found


def read(http: RegistryHttp, wanted: dict[str, int | None]) -> Holdings:
    """Read every version of the subjects up to those wanted, and of the subjects they refer to. Raises RegistryError.

    A context that the registry keeps apart is where it looks for references without one of their own.
    """
    found, can = Holdings(global_level=registry_admin.global_level(http)), Asked(http)
    waiting = list(wanted)
    for subject in waiting:  # grows while it is walked
        newest = wanted.get(subject)
        numbers = [each for each in registry_admin.versions(http, subject) if newest is None or each <= newest]
        if newest is not None and newest not in numbers:
            raise CodegenError(f"{subject} has no version {newest}; there are {numbers or 'none'}")
        context = split_context(subject)[0]
        apart = context != DEFAULT_CONTEXT and can().keeps_apart(context)
        read_here = [
            _within(registry_admin.read_registered(http, subject, each), context if apart else "") for each in numbers
        ]
        found.versions[subject] = read_here
        level = registry_admin.level_of(http, subject)
        if level is not None and level != found.global_level:  # some answer the global one for all without their own
            found.levels[subject] = level
        waiting += list(
            dict.fromkeys(each.subject for one in read_here for each in one.references if each.subject not in waiting)
        )
    _read_hidden(http, found)
    return found


def _within(one: Registered, context: str) -> Registered:
    """Return a version with its references in its context."""
    if not context:
        return one
    references = tuple(
        each if each.subject.startswith(":.") else Reference(each.name, f":{context}:{each.subject}", each.version)
        for each in one.references
    )
    return replace(one, references=references)


def _read_hidden(http: RegistryHttp, found: Holdings) -> None:
    """Read what is referred to and not listed."""
    waiting = [each for versions in found.versions.values() for one in versions for each in one.references]
    for each in waiting:  # grows while it is walked
        number = each.version or 0
        if found.version(each.subject, number) is None:
            other = registry_admin.read_registered(http, each.subject, number)
            found.hidden[each.subject, number] = other
            waiting += other.references
