"""Writers' schemas that a partition's next records wait for: which they are, and what the registry said of each.

Theory of operation. A batch that names a schema nobody here knows is cut before that record. ``gather`` collects the
names from there on into a ``SchemaWait``, and the partition is not read until each has an answer, which the wait keeps
until all records it was gathered for are in the ledger: no cache that forgets can make a partition wait for ever. So a
partition moves on with each wait, whatever the number of names behind it. A name in a wait is

    open --the registry gives its schema--> Resolved
    open --denied--> open, not to be asked for ``apart_s`` --denied again--> Denied

Only a registry's definite answer changes anything; the rest (no connection, a time-out, an error of the server's own)
leaves a name as it was. A wait is used by one thread at a time.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final, TypeAlias

from tally.base.bounded_cache import BoundedCache
from tally.base.framing import SchemaName
from tally.event.classify import Fetched
from tally.event.resolution import Resolved
from tally.event.rows import next_offset

NAMES_MAX: Final = 2_000
"""Names in one wait: one pass over them takes a registry about as long as two denials are apart."""
_TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of the schemas in one wait, some kilobytes each; a parsed one takes several times its text."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The registry denied twice, some time apart, that it knows the name: a record with it is poison."""


Answer: TypeAlias = Resolved | Denied


class Denials:
    """Names that were denied once. The oldest are forgotten beyond ``names_max``, and asked for twice again."""

    def __init__(self, apart_s: float, names_max: int) -> None:
        self._apart_s = apart_s
        self._first_s: BoundedCache[SchemaName, float] = BoundedCache(names_max)

    def may_ask(self, name: SchemaName, now_s: float) -> bool:
        """Tell whether a denial would tell anything new by now."""
        first_s = self._first_s.get(name)
        return first_s is None or now_s - first_s >= self._apart_s

    def is_verdict(self, name: SchemaName, asked_s: float, now_s: float) -> bool:
        """Take in that a name asked for at ``asked_s`` is denied now; tell whether that is the second time."""
        first_s = self._first_s.get(name)
        if first_s is None:
            self._first_s.put(name, now_s)
            return False
        if asked_s - first_s < self._apart_s:
            return False
        self._first_s.drop(name)
        return True

    def given(self, name: SchemaName) -> None:
        """Take in that the registry knows a name after all."""
        self._first_s.drop(name)


class SchemaWait:
    """See the module's theory of operation. ``until``: the wait is for records below this offset."""

    def __init__(self, first_offsets: dict[SchemaName, int], until: int) -> None:
        """``first_offsets``: of each name the first record with it, in the order of the topic."""
        self._first_offsets = first_offsets
        self._answers: dict[SchemaName, Answer] = {}
        self._text_bytes = 0
        self.until = until

    def __len__(self) -> int:
        return len(self._first_offsets)

    @property
    def open_names(self) -> list[SchemaName]:
        """The names without an answer, in the order of the topic."""
        return [name for name in self._first_offsets if name not in self._answers]

    def answer(self, name: SchemaName) -> Answer | None:
        """Return what is known of a name through this wait."""
        return self._answers.get(name)

    def names_of(self, fingerprint: str) -> list[SchemaName]:
        """Return the names whose schema has this fingerprint."""
        resolved = ((name, each) for name, each in self._answers.items() if isinstance(each, Resolved))
        return [name for name, each in resolved if each.fingerprint == fingerprint]

    def settle(self, name: SchemaName, answer: Answer, text_bytes: int = 0) -> None:
        """Take an answer in. Once the schemas' texts are too many the wait is for fewer records."""
        self._answers[name] = answer
        self._text_bytes += text_bytes
        if self._text_bytes > _TEXT_BYTES_MAX:
            self._end_behind(name)

    def _end_behind(self, name: SchemaName) -> None:
        names = list(self._first_offsets)
        dropped = [later for later in names[names.index(name) + 1 :] if later not in self._answers]
        if dropped:
            self.until = min(self.until, self._first_offsets[dropped[0]])
        for later in dropped:
            del self._first_offsets[later]


def gather(
    fetched: Fetched, knows: Callable[[SchemaName], bool], ours: SchemaName, judged: Container[int]
) -> tuple[int, SchemaWait]:
    """Return the position of the first record that cannot be read yet, and the wait for it and those behind it.

    ``ours`` is never forgotten and need not be waited for; the records at the offsets ``judged`` are not read.
    """
    first: int | None = None
    offsets: dict[SchemaName, int] = {}
    until = next_offset(int(fetched.offsets[-1]))
    for position, offset in enumerate(fetched.offsets.tolist()):
        name = None if offset in judged else fetched.schema_name(position)
        if name is None or name == ours or name in offsets or (first is None and knows(name)):
            continue
        first = position if first is None else first
        if len(offsets) == NAMES_MAX:
            until = offset
            break
        offsets[name] = offset
    assert first is not None, "a batch is gathered from when a record of it could not be read"
    return first, SchemaWait(offsets, until)
