"""Which file of the contracts stands behind which subject: one each, since versions of two would mix."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from codegen.avro.schema import AvroFile
from codegen.errors import ContractError
from codegen.topics import Topic


@dataclass(frozen=True)
class Claim:
    """A file that wants a subject: the schema's file, the file that says so, and the level where that one says it."""

    subject: str
    schema: str
    file: str
    level: str = ""


def claims(topics: Iterable[Topic], avro: Mapping[str, AvroFile], proto: Iterable[str]) -> Iterator[Claim]:
    """Yield the claim of each topic, of each Avro file that no topic carries, and of each Protobuf file."""
    carried = {topic.schema for topic in topics}
    for topic in topics:
        yield Claim(topic.subject, topic.schema, topic.file, topic.compatibility)
    for path, schema in avro.items():
        if path not in carried:
            yield Claim(schema.name, path, path)
    for name in proto:
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
