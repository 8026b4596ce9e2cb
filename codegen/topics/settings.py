"""What a topic's settings may be: the names, types and bounds of Kafka 4.2, which a test compares with Kafka's own."""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")


@dataclass(frozen=True)
class Whole:
    """A whole number of so many bits, from ``least`` to ``most`` where it has bounds, or ``besides``."""

    bits: int
    least: int | None = None
    most: int | None = None
    besides: int | None = None

    def problem(self, value: str) -> str | None:
        """Return what is allowed, None for a right value."""
        least = -(1 << (self.bits - 1)) if self.least is None else self.least
        most = (1 << (self.bits - 1)) - 1 if self.most is None else self.most
        if _WHOLE.fullmatch(value) and (least <= int(value) <= most or int(value) == self.besides):
            return None
        return f"a whole number from {least} to {most}" + ("" if self.besides is None else f", or {self.besides}")


@dataclass(frozen=True)
class Fraction:
    """A number from 0 to 1."""

    def problem(self, value: str) -> str | None:
        """Return what is allowed, None for a right value."""
        try:
            right = 0 <= float(value) <= 1 and math.isfinite(float(value))
        except ValueError:
            right = False
        return None if right else "a number from 0 to 1"


@dataclass(frozen=True)
class Words:
    """One of some words, or a list of them with commas between."""

    words: tuple[str, ...]
    many: bool = False

    def problem(self, value: str) -> str | None:
        """Return what is allowed, None for a right value."""
        given = [word.strip() for word in value.split(",")] if self.many and value else [value] if not self.many else []
        if all(word in self.words for word in given):
            return None
        return f"{'a list of' if self.many else 'one of'} {', '.join(self.words)}"


@dataclass(frozen=True)
class Replicas:
    """``*``, or partitions with their brokers, 0:101,1:102."""

    def problem(self, value: str) -> str | None:
        """Return what is allowed, None for a right value."""
        right = re.fullmatch(r"\*|([0-9]+:[0-9]+(,[0-9]+:[0-9]+)*)?", value)
        return None if right else "* or partitions with their brokers, such as 0:101,1:102"


Setting = Whole | Fraction | Words | Replicas

_FLAG: Final = Words(("true", "false"))
_SINCE_ZERO: Final = Whole(64, 0)
_ARRAY_BYTES_MAX: Final = 2**31 - 9  # the longest array that Java makes

SETTINGS: Final[Mapping[str, Setting]] = {
    "cleanup.policy": Words(("compact", "delete"), many=True),
    "compression.gzip.level": Whole(32, 1, 9, -1),
    "compression.lz4.level": Whole(32, 1, 17),
    "compression.type": Words(("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")),
    "compression.zstd.level": Whole(32, -131_072, 22),
    "delete.retention.ms": _SINCE_ZERO,
    "file.delete.delay.ms": _SINCE_ZERO,
    "flush.messages": Whole(64, 1),
    "flush.ms": _SINCE_ZERO,
    "follower.replication.throttled.replicas": Replicas(),
    "index.interval.bytes": Whole(32, 0),
    "leader.replication.throttled.replicas": Replicas(),
    "local.retention.bytes": Whole(64, -2),
    "local.retention.ms": Whole(64, -2),
    "max.compaction.lag.ms": Whole(64, 1),
    "max.decompressed.message.bytes": Whole(32, 1, _ARRAY_BYTES_MAX),
    "max.message.bytes": Whole(32, 0),
    "message.timestamp.after.max.ms": _SINCE_ZERO,
    "message.timestamp.before.max.ms": _SINCE_ZERO,
    "message.timestamp.type": Words(("CreateTime", "LogAppendTime")),
    "min.cleanable.dirty.ratio": Fraction(),
    "min.compaction.lag.ms": _SINCE_ZERO,
    "min.insync.replicas": Whole(32, 1),
    "preallocate": _FLAG,
    "remote.log.copy.disable": _FLAG,
    "remote.log.delete.on.disable": _FLAG,
    "remote.storage.enable": _FLAG,
    "retention.bytes": Whole(64),
    "retention.ms": Whole(64, -1),
    "segment.bytes": Whole(32, 1 << 20),
    "segment.index.bytes": Whole(32, 4),
    "segment.jitter.ms": _SINCE_ZERO,
    "segment.ms": Whole(64, 1),
    "unclean.leader.election.enable": _FLAG,
}

_OTHERS: Final = ("confluent.", "redpanda.")
"""Brokers of these makers have settings of their own, under these names."""


def problem(name: str, value: str) -> str | None:
    """Return what is wrong with a setting of a topic, None for a right one."""
    setting = SETTINGS.get(name)
    if setting is None:
        if name.startswith(_OTHERS):
            return None
        near = difflib.get_close_matches(name, SETTINGS, n=1)
        meant = f"; is {near[0]} meant?" if near else f"; there are {', '.join(SETTINGS)}"
        return f"is not a setting that Kafka has for topics{meant}"
    allowed = setting.problem(value)
    return None if allowed is None else f"is {value!r}; allowed is {allowed}"
