"""Which file of the contracts stands behind which subject: one each, since versions of two would mix.

Files that are versions of one contract (`codegen.version_folders`) are one: the newest has the subject.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from codegen import project
from codegen.avro.schema import AvroFile
from codegen.errors import ContractError
from codegen.project import SubjectEntry
from codegen.topics.topic import Topic
from codegen.version_folders import Numbered, by_layout, subject_of, up_to


@dataclass(frozen=True)
class Claim:
    """A file that wants a subject: the schema's file, the file that says so, and the level where that one says it.

    ``named`` tells whether codegen.yaml names the subject: without a level there, it has none of its own. ``versions``
    are the subject's, where each stands in a file; the schema's is the last.
    """

    subject: str
    schema: str
    file: str
    level: str = ""
    named: bool = False
    versions: Numbered = ()


def claims(
    topics: Sequence[Topic], avro: Mapping[str, AvroFile], proto: Iterable[str], table: Mapping[str, SubjectEntry]
) -> Iterator[Claim]:
    """Yield the claim of each topic, of codegen.yaml's table, and of each file that neither of them names.

    Files that are older versions of another claim nothing.
    """
    carried = {topic.schema for topic in topics} | {entry.file for entry in table.values()}
    carried |= {path for entry in table.values() for _, path in entry.versions}
    levels = {topic.subject: topic.compatibility for topic in topics}
    names = {path: schema.full_name for path, schema in avro.items()}
    alike = by_layout(names)
    older: set[str] = set()

    def versions(subject: str, path: str) -> Numbered:
        said = table[subject].versions if subject in table else ()
        free = [each for each in up_to(alike.get(path, ()), path) if each[1] == path or each[1] not in carried]
        found = said or (tuple(free) if len(free) > 1 else ())
        older.update(each for _, each in found)
        return found

    for topic in topics:
        of_topic = versions(topic.subject, topic.schema)
        yield Claim(topic.subject, topic.schema, topic.file, topic.compatibility, versions=of_topic)
    for subject, entry in table.items():
        level = entry.level or levels.get(subject, "")
        yield Claim(subject, entry.file, project.FILE, level, named=True, versions=versions(subject, entry.file))
    rest = {path: names[path] for path in avro if path not in carried and path not in older}
    alike = by_layout(rest)
    for path in rest:
        if path == alike.get(path, ((0, path),))[-1][1]:
            subject = subject_of(path, names[path])
            yield Claim(subject, path, path, versions=alike.get(path, ()))
    for name in proto:
        if f"proto/{name}" not in carried:
            yield Claim(name, f"proto/{name}", f"proto/{name}")


def older_versions(claims: Iterable[Claim]) -> set[str]:
    """Return the files that are older versions of a subject, and no contract as it is now."""
    claimed = list(claims)
    return {path for claim in claimed for _, path in claim.versions} - {claim.schema for claim in claimed}


def shared_subjects(claims: Iterable[Claim]) -> Iterator[ContractError]:
    """Yield a finding for each file that wants the subject of another with another schema or another level."""
    first: dict[str, Claim] = {}
    for claim in claims:
        other = first.setdefault(claim.subject, claim)
        if claim.schema != other.schema:
            problem = (
                f"belongs to {_shown(other)} and to {_shown(claim)}; a subject has one schema: give one another, or, "
                f"where they are versions of one contract, say so in {project.FILE}: "
                f"subjects: {{{claim.subject}: {{versions: PATH}}}}, with * in PATH for the number of the version"
            )
        elif claim.level != other.level:
            problem = f"has the level {claim.level} here and {other.level} in {other.file}; a subject has one level"
        else:
            continue
        yield ContractError(claim.file, f"subject {claim.subject}", problem, rule="shared-subject")


def _shown(claim: Claim) -> str:
    return claim.schema if claim.schema == claim.file else f"{claim.schema} ({claim.file})"
