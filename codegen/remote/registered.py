"""What a registry has of some subjects, read whole: every version, and all that they refer to."""

import fnmatch
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Final

from codegen.errors import CodegenError
from codegen.plan.judge import OldVersion
from codegen.plan.terms import Reference
from codegen.remote import registry_admin
from codegen.remote.capabilities import DEFAULT_CONTEXT, Asked, split_context
from codegen.remote.registry_admin import Registered
from tally.registry.http import RegistryHttp

THREADS_MAX: Final = 8
"""Questions to a registry that are under way at once: enough to hide what an answer takes, and no burden to it."""


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

    def all_of(self, subject: str) -> list[Registered]:
        """Return a subject's versions, hidden ones among them, oldest first."""
        hidden = [one for (name, _), one in self.hidden.items() if name == subject]
        return sorted([*self.versions.get(subject, ()), *hidden], key=lambda each: each.version)

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
        names = [name for name in subjects if is_meant(name, wanted)]
        if not names:
            shown = ", ".join(subjects[:20]) + (", …" if subjects[20:] else "")
            raise CodegenError(f"--subject {wanted}: matches no subject of {http.url}; there are {shown or 'none'}")
        found |= dict.fromkeys(names, int(version) if version.isdigit() else None)
    return found


def is_meant(subject: str, pattern: str) -> bool:
    """Tell whether a pattern means a subject: those of another context only when it names one."""
    return subject.startswith(":.") == pattern.startswith(":") and fnmatch.fnmatchcase(subject, pattern)


def read(http: RegistryHttp, wanted: dict[str, int | None]) -> Holdings:
    """Read every version of the subjects up to those wanted, and of the subjects they refer to. Raises RegistryError.

    A context that the registry keeps apart is where it looks for references without one of their own. THREADS_MAX
    questions are under way at once; what is returned is the same as if they were asked one by one.
    """
    found = Holdings(global_level=registry_admin.global_level(http))
    reader = _Reader(http, Asked(http), wanted, found)
    with ThreadPoolExecutor(THREADS_MAX) as threads:
        subjects = list(wanted)
        while subjects:
            reader.read_subjects(threads, subjects)
            references = (each for subject in subjects for one in found.versions[subject] for each in one.references)
            subjects = list(dict.fromkeys(each.subject for each in references if each.subject not in found.versions))
        missing = reader.missing(one for versions in found.versions.values() for one in versions)
        while missing:  # not listed, and referred to
            found.hidden |= zip(missing, reader.read_versions(threads, missing), strict=True)
            missing = reader.missing(found.hidden[each] for each in missing)
    return found


@dataclass(frozen=True)
class _Reader:
    http: RegistryHttp
    can: Asked
    wanted: Mapping[str, int | None]
    found: Holdings

    def read_subjects(self, threads: Executor, subjects: list[str]) -> None:
        """Read all of these subjects. Raises RegistryError, and CodegenError where one has not the version wanted."""
        listed = list(threads.map(partial(registry_admin.versions, self.http), subjects))
        levels = list(threads.map(partial(registry_admin.level_of, self.http), subjects))
        numbers = {each: self._up_to(each, there) for each, there in zip(subjects, listed, strict=True)}
        versions = iter(self.read_versions(threads, [(each, number) for each in subjects for number in numbers[each]]))
        for subject, level in zip(subjects, levels, strict=True):
            context = split_context(subject)[0]
            apart = context != DEFAULT_CONTEXT and self.can().keeps_apart(context)
            self.found.versions[subject] = [
                _within(one, context if apart else "") for one in islice(versions, len(numbers[subject]))
            ]
            if level is not None and level != self.found.global_level:  # some answer the global one for all
                self.found.levels[subject] = level

    def read_versions(self, threads: Executor, versions: list[tuple[str, int]]) -> list[Registered]:
        """Return versions in the order in which they are asked for. Raises RegistryError."""
        return list(threads.map(lambda one: registry_admin.read_registered(self.http, *one), versions))

    def missing(self, users: Iterable[Registered]) -> list[tuple[str, int]]:
        """Return the versions that others refer to and that were not read."""
        needed = dict.fromkeys((each.subject, each.version or 0) for one in users for each in one.references)
        return [each for each in needed if self.found.version(*each) is None]

    def _up_to(self, subject: str, there: tuple[int, ...]) -> list[int]:
        """Return the versions of a subject that are wanted, of those that are there."""
        newest = self.wanted.get(subject)
        if newest is not None and newest not in there:
            raise CodegenError(
                f"{subject} has no version {newest}; there are {[n for n in there if n <= newest] or 'none'}"
            )
        return [each for each in there if newest is None or each <= newest]


def _within(one: Registered, context: str) -> Registered:
    """Return a version with its references in its context."""
    if not context:
        return one
    references = tuple(
        each if each.subject.startswith(":.") else Reference(each.name, f":{context}:{each.subject}", each.version)
        for each in one.references
    )
    return replace(one, references=references)
