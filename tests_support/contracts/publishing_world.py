"""A publisher on fakes: a registry and a Kafka in memory, and time that passes only when somebody sleeps."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

import httpx

from codegen.plan.file import PlanFile, lines_of
from codegen.plan.terms import AlterTopic, CreateTopic, FoundTopic, Wanted, WantedSubject, WantedTopic
from codegen.remote.kafka_admin import KafkaAdmin
from codegen.remote.publish import Publisher
from tally.base.fingerprint import fingerprint
from tally.registry.http import RegistryHttp
from tests_support.registries.fake import FakeRegistry

TEXT = '{"type":"record","name":"R","fields":[]}'
OLD_FIELD = '{"name":"x","type":"int","default":0}'
SUBJECT = WantedSubject("s-value", "AVRO", TEXT, fingerprint(TEXT), "FULL", (), "Avro R", owned=True)
TOPIC = WantedTopic("t", 12, 3, 2, {"retention.ms": "-1"})
WANTED = Wanted((SUBJECT,), (TOPIC,))


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float, /) -> None:
        self.now_s += seconds


class FakeKafka:
    """One broker with topics in memory; ``failures`` are raised first."""

    def __init__(self) -> None:
        self.topics: dict[str, FoundTopic] = {}
        self.failures: list[Exception] = []
        self.always: Exception | None = None
        self.forgetful = False

    def brokers(self, timeout_s: float) -> int:
        assert timeout_s > 0
        if self.always is not None:
            raise self.always
        if self.failures:
            raise self.failures.pop()
        return 1

    def read(self, names: Iterable[str]) -> dict[str, FoundTopic]:
        return {name: self.topics[name] for name in names if name in self.topics}

    def create(self, action: CreateTopic) -> None:
        if not self.forgetful:
            self.topics[action.name] = FoundTopic(action.partitions, action.replication_factor, action.config)

    def alter(self, action: AlterTopic) -> None:
        known = self.topics[action.name]
        self.topics[action.name] = FoundTopic(
            known.partitions, known.replication_factor, {**known.config, **action.config}
        )


class World:
    """A publisher on fakes."""

    def __init__(self, handler: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.registry = FakeRegistry()
        self.kafka = FakeKafka()
        self.said: list[str] = []
        self.clock = FakeClock()
        transport = httpx.MockTransport(handler or self.registry.answer)
        self.http = RegistryHttp("http://registry.test", attempts=1, clock=self.clock, transport=transport)

    def publish(self, wanted: Wanted = WANTED, **options: Any) -> int:
        kafka = cast(KafkaAdmin, self.kafka)
        return Publisher(self.http, kafka, self.clock, 60.0, self.said.append).publish(wanted, **options).pending

    def publisher(self) -> Publisher:
        return Publisher(self.http, cast(KafkaAdmin, self.kafka), self.clock, 60.0, self.said.append)

    def plan(self, wanted: Wanted = WANTED, prune_prefix: str = "") -> PlanFile:
        survey = self.publisher().survey(wanted, prune_prefix or None)
        planned = PlanFile("http://r", "", "k", wanted, survey.found, survey.opinions)
        return replace(planned, changes=lines_of(survey.changes))
