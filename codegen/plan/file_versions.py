"""Versions that stand in files of the contracts, beside those that the lock knows: one history, by their numbers."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from codegen.errors import DriftError
from codegen.plan.judge import OldVersion, fingerprint
from codegen.plan.lock import FILE
from codegen.plan.terms import FileVersion, Wanted, WantedSubject
from codegen.plan.was import Was, WasSubject

_NUMBERED: Final = re.compile(r"v(\d+)")


def number_of(version: OldVersion) -> int:
    """Return the number of a version, 0 for one that is called otherwise, as those of git are."""
    found = _NUMBERED.fullmatch(version.name)
    return int(found[1]) if found else 0


def unrecorded(wanted: WantedSubject, known: Sequence[OldVersion]) -> tuple[FileVersion, ...]:
    """Return the versions in files that are not among those recorded. Raises DriftError where the two disagree."""
    recorded = {number_of(version): version for version in known}
    for each in wanted.versions:
        old = recorded.get(each.number)
        if old is not None and fingerprint(wanted.kind, each.file, old.text, old.imports) != each.fingerprint:
            raise DriftError(
                f"{each.file} is not {each.name} of subject {wanted.subject}, which {FILE} names; what was released is "
                "never edited: put it back, and give the change the next number"
            )
    newest = max(recorded, default=0)
    if wanted.versions and newest > wanted.versions[-1].number:
        raise DriftError(
            f"{FILE} names v{newest} of subject {wanted.subject}, and its newest file is {wanted.file}; put the file "
            "of that version back, or give this one a higher number"
        )
    return tuple(each for each in wanted.versions if each.number not in recorded)


def as_old(version: FileVersion) -> OldVersion:
    """Return a version as it is compared with."""
    return OldVersion(version.name, version.text, version.imports)


def with_files(was: Was, wanted: Wanted) -> Was:
    """Return what was, with the older versions in files that nobody recorded. Raises DriftError."""
    subjects: dict[str, WasSubject] = dict(was.subjects)
    for subject in wanted.subjects:
        known = was.versions(subject.subject)
        texts = {old.text for old in known}
        more = [as_old(each) for each in unrecorded(subject, known) if each.number < subject.versions[-1].number]
        if more := [old for old in more if old.text not in texts]:
            before = subjects.get(subject.subject, WasSubject(subject.kind, (), None, subject.import_path))
            last = [old for old in known if not number_of(old)]  # those of git
            numbered = sorted([*more, *(old for old in known if number_of(old))], key=number_of)
            subjects[subject.subject] = replace(before, versions=(*numbered, *last))
    return replace(was, subjects=subjects)
