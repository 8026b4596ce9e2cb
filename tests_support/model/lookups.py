"""The model's consumer with a registry that can be made to fail, as the world of ``lookup_scenarios``."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from consumer.core.partition.state import StateName, name_of
from tally.base.framing import SchemaName, frame
from tally.registry.errors import RegistryAnswerError, RegistryError, RegistryUnreachable, SchemaUnknown
from tests_support.clock import Clock
from tests_support.consumer.bench import Registry
from tests_support.kafka.broker import Broker
from tests_support.ledger.records import SCHEMA_ID, body, request_id
from tests_support.model.consumer import Replica
from tests_support.registries.lookup_scenarios import HEALTHY, UNKNOWN
from tests_support.registries.proxy import Mood
from tests_support.waiting import eventually

_WAIT_S: Final = 60.0
_BAD: Final[dict[str, Callable[[], RegistryError]]] = {
    "failing": lambda: RegistryUnreachable("answers 500", "server-error"),
    "elsewhere": lambda: RegistryAnswerError("does not answer as a schema registry"),
}


class MoodyRegistry(Registry):
    """A registry that has our two schemas and no other."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.honest = threading.Event()
        self.mood: Mood = "honest"

    def schema(self, name: SchemaName) -> str:
        """Deny, fail or hang."""
        assert isinstance(name, int)
        self.asked.append(name)
        if self.mood == "silent":
            assert self.honest.wait(_WAIT_S)
        if self.mood in _BAD:
            raise _BAD[self.mood]()
        raise SchemaUnknown(f"does not know schema {name}")


class ModelLookups:
    """See LookupWorld. Recoveries and publications run in threads, as in the real consumer."""

    many = 20

    def __init__(self) -> None:
        self._broker = Broker()
        self._broker.group.target = dict.fromkeys((UNKNOWN, HEALTHY), "replica")
        self._registry = MoodyRegistry()
        self._jobs = ThreadPoolExecutor(4)
        self._replica = Replica("replica", self._broker, Clock(), registry=self._registry, jobs=self._jobs)
        self._rng = random.Random(1)
        self._written = 0

    def write_unknown(self, schema_ids: Sequence[int]) -> None:
        """See LookupWorld."""
        id_ = request_id(0, UNKNOWN)
        framed = [(id_, frame(schema_id) + body(id_, 1, 2)) for schema_id in (*schema_ids, SCHEMA_ID)]
        self._broker.log(UNKNOWN).commit(framed)

    def write_healthy(self, *, poison: int = 0) -> None:
        """See LookupWorld."""
        id_ = request_id(self._written, HEALTHY)
        self._written += 1
        self._broker.log(HEALTHY).commit([(b"x", b"junk")] * poison + [(id_, frame(SCHEMA_ID) + body(id_, 1, 2))])

    def set_mood(self, mood: Mood) -> None:
        """See LookupWorld."""
        self._registry.mood = mood
        if mood == "honest":
            self._registry.honest.set()

    def asked(self) -> list[int]:
        """See LookupWorld."""
        return self._registry.asked

    def poison(self, partition: int) -> int:
        """See LookupWorld."""
        figures = self._replica.own(partition).figures
        return 0 if figures is None else figures.counts.poison

    def counted(self, partition: int) -> int:
        """See LookupWorld."""
        figures = self._replica.own(partition).figures
        return 0 if figures is None else figures.counts.counted

    def letters(self, partition: int) -> int:
        """See LookupWorld."""
        return sum(letter.partition == partition for letter in self._broker.dead_letters())

    def state(self, partition: int) -> StateName:
        """See LookupWorld."""
        return name_of(self._replica.own(partition).state)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """See LookupWorld."""

        def reached() -> bool:
            self._replica.round(self._rng)
            return condition()

        eventually(reached, _WAIT_S, what, interval_s=0.001)

    def close(self) -> None:
        """Let whoever hangs go."""
        self.set_mood("honest")
        self._jobs.shutdown()
