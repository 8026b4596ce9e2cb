"""Which file of the contracts stands behind which subject: one each, since versions of two would mix."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from codegen import project
from codegen.avro.schema import AvroFile
from codegen.errors import ContractError
from codegen.project import SubjectEntry
from codegen.topics.topic import Topic


@dataclass(frozen=True)
class Claim:
    """A file that wants a subject: the schema's file, the file that says so, and the level where that one says it.

    ``named`` tells whether codegen.yaml names the subject: without a level there, it has none of its own.
    """

    subject: str
    schema: str
    file: str
    level: str = ""
    named: bool = False


def claims(
    topics: Sequence[Topic], avro: Mapping[str, AvroFile], proto: Iterable[str], table: Mapping[str, SubjectEntry]
) -> Iterator[Claim]:
    """Yield the claim of each topic, of codegen.yaml's table, and of each file that neither of them names."""
    carried = {topic.schema for topic in topics} | {entry.file for entry in table.values()}
    levels = {topic.subject: topic.compatibility for topic in topics}
    for topic in topics:
        yield Claim(topic.subject, topic.schema, topic.file, topic.compatibility)
    for subject, entry in table.items():
        yield Claim(subject, entry.file, project.FILE, entry.level or levels.get(subject, ""), named=True)
    for path, schema in avro.items():
        if path not in carried:
            yield Claim(schema.name, path, path)
    for name in proto:
        if f"proto/{name}" not in carried:
            yield Claim(name, f"proto/{name}", f"proto/{name}")


def shared_subjects(claims: Iterable[Claim]) -> Iterator[ContractError]:
    """Yield a finding for each file that wants the subject of another with another schema or another level."""
    first: dict[str, Claim] = {}
    for claim in claims:
        other = first.setdefault(claim.subject, claim)
        if claim.schema != other.schema:
            problem = f"belongs to {_shown(other)} and to {_shown(claim)}; a subject has one schema: give one another"
        elif claim.level != other.level:
            problem = f"has the level {claim.level} here and {other.level} in {other.file}; a subject has one level"
        else:
            continue
        yield ContractError(claim.file, f"subject {claim.subject}", problem, rule="shared-subject")


def _shown(claim: Claim) -> str:
    return claim.schema if claim.schema == claim.file else f"{claim.schema} ({claim.file})"
