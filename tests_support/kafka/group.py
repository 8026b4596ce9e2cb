"""The consumer group of a Kafka in memory: who owns what, which members are valid, what is committed.

It takes a commit of any valid member for any partition, as Kafka does; what must not happen is checked where it would
happen (I4 and I9, at each commit).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Offsets: TypeAlias = Mapping[int, tuple[int, str]]
"""Next offset and metadata by partition."""


@dataclass
class Member:
    """One member id of the group; a process that joins again gets another one."""

    name: str
    valid: bool = True


@dataclass
class Group:
    """``target``: who is to own a partition. ``owner``: who does. ``late``: commits that are held back on their way.
    ``durable``: asks a replica what a power cut would leave of a partition's ledger."""

    target: dict[int, str] = field(default_factory=dict)
    owner: dict[int, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    committed: dict[int, tuple[int, str]] = field(default_factory=dict)
    late: list[tuple[Member, Offsets]] = field(default_factory=list)
    durable: dict[str, Callable[[int], int]] = field(default_factory=dict)

    def join(self, name: str) -> Member:
        """Take a new member of a name in; the one before it is fenced, and its partitions are the new one's."""
        if name in self.members:
            self.members[name].valid = False
        self.members[name] = Member(name)
        return self.members[name]

    def expel(self, name: str) -> None:
        """Its session ended: the partitions are free."""
        self.members[name].valid = False
        for partition in [p for p, owner in self.owner.items() if owner == name]:
            del self.owner[partition]

    def arrive(self, which: int) -> None:
        """Take a commit that was held back. Kafka takes it though a later one is there: nothing of ours went back."""
        member, offsets = self.late.pop(which)
        if member.valid:
            self.committed |= offsets

    def commit(self, member: Member, offsets: Offsets) -> bool:
        """Take a commit; False when the member is not one any more."""
        if member.valid:
            self.take(member.name, offsets)
        return member.valid

    def take(self, name: str, offsets: Offsets) -> None:
        """Take offsets of a member of that name, checking that they may be committed."""
        for partition, (offset, metadata) in offsets.items():
            before = self.committed.get(partition, (0, ""))[0]
            assert offset >= before, f"I9: partition {partition} went from {before} back to {offset}"
            if name in self.durable:
                durable = self.durable[name](partition)
                assert offset <= durable, (
                    f"I4: {offset} of partition {partition} is committed, {durable} is on the disk"
                )
            self.committed[partition] = (offset, metadata)
