"""The words of a plan: what is wanted, what was found, what can be done, and the lines that a plan consists of.

Values only; `codegen.plan.changes` decides. They come from the contracts (`codegen.plan.wanted`) and from what was read
of a registry and Kafka (`codegen.remote.registry_admin`, `codegen.remote.kafka_admin`), and go to whoever shows or
carries out a plan.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SchemaKind = Literal["AVRO", "PROTOBUF"]


class Kind(enum.StrEnum):
    """What a line of a plan means."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DOCS = "DOCS"
    CONFIG = "CONFIG"
    DELETE = "DELETE"
    RENAME = "RENAME"
    DRIFT = "DRIFT"
    NOOP = "NOOP"


def import_path(subject: str, file: str = "") -> str:
    """Return the name by which Protobuf files import a subject's; ``file`` is its place in the contracts, if known."""
    return file.removeprefix("proto/") or (subject if subject.endswith(".proto") else f"{subject}.proto")


@dataclass(frozen=True)
class Reference:
    """What a schema refers to: the name that it says, and the subject that has it. ``version`` None: what is wanted."""

    name: str
    subject: str
    version: int | None = None


@dataclass(frozen=True)
class FileVersion:
    """A version of a subject that has each of them in a file of the contracts; the rest is as WantedSubject has it."""

    number: int
    file: str
    text: str
    fingerprint: str
    references: tuple[Reference, ...] = ()
    imports: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return f"v{self.number}"


@dataclass(frozen=True)
class WantedSubject:
    """A schema under its subject, as it is registered: what it refers to stands in ``references``.

    ``level`` None leaves the registry's alone, and ``inherited`` is the one that then holds, as far as it is known;
    ``owned`` False means a file of another package, which is put there when it is missing and never changed.
    ``fingerprint`` is semantic: documentation and layout do not count. ``imports`` are the other files that it needs,
    (name, text), by import path for Protobuf. ``file`` is its place below the contracts' folder. ``breaking`` is what
    buf.yaml says of breaking changes, as JSON; empty where codegen's own rules hold. ``versions`` are those that stand
    in files, oldest first, this schema the last; none where there is but this file.
    """

    subject: str
    kind: SchemaKind
    text: str
    fingerprint: str
    level: str | None
    references: tuple[Reference, ...]
    title: str
    owned: bool
    imports: tuple[tuple[str, str], ...] = ()
    file: str = ""
    inherited: str | None = None
    breaking: str = ""
    versions: tuple[FileVersion, ...] = ()

    @property
    def level_in_force(self) -> str | None:
        """The level that new versions must keep; None when it is not known."""
        return self.level or self.inherited

    @property
    def import_path(self) -> str:
        """The name by which Protobuf files import it."""
        return import_path(self.subject, self.file)


@dataclass(frozen=True)
class WantedTopic:
    """A topic. The factor is lowered to the number of brokers, and the minimum of in-sync replicas with it."""

    name: str
    partitions: int
    replication_factor: int
    min_insync_replicas: int
    config: Mapping[str, str]
    subjects: tuple[str, ...] = ()
    """Of its records' schemas."""


@dataclass(frozen=True)
class Wanted:
    """Everything; ``subjects`` in an order in which each comes after its references."""

    subjects: tuple[WantedSubject, ...]
    topics: tuple[WantedTopic, ...]
    global_level: str | None = None
    """What the registry's own level must be; None where nobody relies on it."""
    retired: Mapping[str, str] = field(default_factory=dict)
    """What was promised once and is not any more, by the words of a plan, with when and why."""


@dataclass(frozen=True)
class FoundSubject:
    """A subject as read: its versions, its own level (None: the global one), and the version that equals our schema.

    ``docs_only`` when none equals it and the newest differs in documentation and layout only; ``schema_id`` is the
    registry's id of the matching version; ``beside`` names what stands beside its schema there, as metadata does.
    ``mode`` is None where it was not asked for: nothing is to be done, or the registry has no modes.
    """

    versions: tuple[int, ...] = ()
    level: str | None = None
    matching_version: int | None = None
    docs_only: bool = False
    schema_id: int | None = None
    beside: tuple[str, ...] = ()
    mode: str | None = None
    moves: bool = False
    """What it refers to gets another version, so it needs one as well."""
    other_rules: bool = False
    """The version that equals our schema has other rules, to which the registry is blind."""


@dataclass(frozen=True)
class FoundTopic:
    """A topic as read."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """What is there, by name; what is missing here is missing there."""

    subjects: Mapping[str, FoundSubject]
    topics: Mapping[str, FoundTopic]
    brokers: int
    global_level: str | None = None


@dataclass(frozen=True)
class Lost:
    """Something that others may rely on and the contracts do not have any more, with whom that breaks.

    ``name`` is what retired.yaml calls it. Nobody is told to be broken by what is retired.
    """

    kind: Kind
    name: str
    sentence: str
    objections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opinions:
    """What speaks against new versions, by subject, and the reasons that people gave to register them all the same."""

    objections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allowed: Mapping[str, str] = field(default_factory=dict)
    unwanted: tuple[str, ...] = ()
    """Subjects to delete: the registry has them, the contracts do not."""
    lost: tuple[Lost, ...] = ()
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What to know about new versions, by subject: it stops nobody."""


@dataclass(frozen=True)
class SetLevel:
    """``level`` None takes a subject's own level away."""

    subject: str
    level: str | None


@dataclass(frozen=True)
class Register:
    wanted: WantedSubject


@dataclass(frozen=True)
class CreateTopic:
    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class AlterTopic:
    name: str
    config: Mapping[str, str]


@dataclass(frozen=True)
class DeleteSubject:
    subject: str


Action = SetLevel | Register | DeleteSubject | CreateTopic | AlterTopic


@dataclass(frozen=True)
class Change:
    """A line of the plan. ``blocking``: it cannot be made so, and nothing else may be done either.

    ``objections`` are the sentences against a breaking change; it blocks, too, unless somebody allowed it. ``notes``
    are what to know about it.
    """

    kind: Kind
    name: str
    sentence: str
    actions: tuple[Action, ...] = ()
    blocking: bool = False
    objections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
