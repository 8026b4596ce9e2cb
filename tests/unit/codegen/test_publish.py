"""Publishing waits within one deadline, tells failures apart, stops before harm, and verifies."""

import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from codegen.errors import BreakingError, CodegenError, DriftError, UnreachableError
from codegen.kafka_admin import KafkaAdmin, KafkaNotReady
from codegen.plan import AlterTopic, CreateTopic, FoundTopic, Wanted, WantedSubject, WantedTopic
from codegen.plan_file import PlanFile, lines_of, load, save
from codegen.publish import Publisher
from common.avro_fingerprint import fingerprint
from common.registry_http import RegistryHttp
from tests_support.fake_registry import FakeRegistry

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
        survey = self.publisher().survey(wanted, prune_prefix)
        opinions = survey.opinions
        planned = PlanFile("http://r", "", "k", wanted, survey.found, opinions.objections, opinions.unwanted)
        return replace(planned, changes=lines_of(survey.changes))


def test_an_empty_world_gets_everything_and_a_second_run_has_nothing_to_do() -> None:
    world = World()
    assert world.publish() == 2
    assert world.registry.levels == {"s-value": "FULL"}
    assert list(world.registry.subjects) == ["s-value"]
    assert world.kafka.topics["t"].partitions == 12
    assert world.publish() == 0


def test_a_level_that_somebody_else_set_at_the_same_moment_is_set_again() -> None:
    world = World()
    world.registry.level_conflicts = 1
    assert world.publish() == 2
    assert world.registry.levels == {"s-value": "FULL"}


def test_a_dry_run_changes_nothing() -> None:
    world = World()
    assert world.publish(dry_run=True) == 2
    assert not world.registry.levels
    assert not world.registry.subjects
    assert not world.kafka.topics


def test_a_kafka_that_comes_late_is_waited_for() -> None:
    world = World()
    world.kafka.failures = [KafkaNotReady("no broker")] * 40
    assert world.publish() == 2
    assert any("waiting for Kafka" in said for said in world.said)


def test_waiting_ends_at_the_deadline_with_what_was_seen() -> None:
    world = World()
    world.kafka.always = KafkaNotReady("connection refused")
    with pytest.raises(UnreachableError, match=r"waiting for Kafka after 60 s: connection refused"):
        world.publish()
    assert 60 <= world.clock.now_s < 62
    assert 5 <= len(world.said) <= 15


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(401, json={}), "refuses GET subjects"),
        (httpx.Response(200, text="<html>"), "not JSON"),
    ],
)
def test_refused_access_and_a_wrong_address_end_at_once(response: httpx.Response, words: str) -> None:
    world = World(lambda _: response)
    with pytest.raises(UnreachableError, match=words):
        world.publish()
    assert world.clock.now_s == 0


def test_refused_access_to_kafka_ends_at_once() -> None:
    world = World()
    world.kafka.always = UnreachableError("Kafka refuses access")
    with pytest.raises(UnreachableError, match="refuses access"):
        world.publish()
    assert world.clock.now_s == 0


def test_a_topic_with_other_partitions_stops_before_anything_is_changed() -> None:
    world = World()
    world.kafka.topics["t"] = FoundTopic(6, 1, {})
    with pytest.raises(DriftError, match="has 6 partitions, the contract says 12"):
        world.publish()
    assert not world.registry.subjects
    assert world.kafka.topics["t"] == FoundTopic(6, 1, {})


def test_an_incompatible_schema_is_refused_with_the_registry_s_words_before_topics_are_made() -> None:
    world = World()
    world.registry.subjects["s-value"] = [TEXT.replace("[]", f"[{OLD_FIELD}]")]
    world.registry.incompatible = "field x is gone"
    world.registry.levels["s-value"] = "FULL"
    with pytest.raises(BreakingError, match=r"s-value: the registry says: field x is gone"):
        world.publish()
    assert len(world.registry.subjects["s-value"]) == 1
    assert not world.kafka.topics


def test_an_invalid_schema_is_not_called_incompatible() -> None:
    world = World()
    world.registry.invalid = "unknown type"
    with pytest.raises(CodegenError, match="unknown type") as caught:
        world.publish()
    assert caught.value.exit_code == 1


def test_a_registry_that_takes_another_schema_for_ours_is_not_believed() -> None:
    world = World()
    world.registry.subjects["s-value"] = [TEXT.replace("[]", f"[{OLD_FIELD}]")]
    world.registry.confused = True
    with pytest.raises(DriftError, match=r"yet is not so after 60 s: subject s-value"):
        world.publish()


def test_what_does_not_stay_is_told_at_the_deadline() -> None:
    world = World()
    world.kafka.forgetful = True
    with pytest.raises(DriftError, match=r"carried out, and yet is not so after 60 s: topic t"):
        world.publish()


def test_a_schema_refers_to_the_version_that_this_very_run_registered() -> None:
    world = World()
    base = WantedSubject("b.proto", "PROTOBUF", "b", "", None, (), "Protobuf b", owned=False)
    user = WantedSubject("a/u.proto", "PROTOBUF", "u", "", "BACKWARD", ("b.proto",), "Protobuf u", owned=True)
    assert world.publish(Wanted((base, user), ())) == 2
    assert world.registry.references["a/u.proto"] == [{"name": "b.proto", "subject": "b.proto", "version": 1}]
    assert world.publish(Wanted((base, user), ())) == 0


# --- a plan that is carried out later ---------------------------------------------------------------------------------


def test_acceptance_3_a_plan_that_was_saved_is_carried_out_and_then_there_is_nothing_to_do(tmp_path: Path) -> None:
    world = World()
    save(tmp_path / "plan.json", world.plan())
    planned = load(tmp_path / "plan.json")
    assert [line.kind for line in planned.changes] == ["CREATE", "CREATE"]
    assert world.publisher().apply(planned).pending == 2
    assert [line.kind for line in world.plan().changes] == ["NOOP", "NOOP"]


def test_acceptance_3_a_registry_that_somebody_else_changed_since_the_plan_is_left_alone() -> None:
    world = World()
    planned = world.plan()
    world.registry.subjects["s-value"] = ['"string"']
    with pytest.raises(DriftError, match=r"since the plan was made[^$]*s-value: had versions none .*, has versions 1"):
        world.publisher().apply(planned)
    assert not world.kafka.topics


def test_acceptance_3_a_topic_that_somebody_else_changed_since_the_plan_is_left_alone() -> None:
    world = World()
    planned = world.plan()
    world.kafka.topics["t"] = FoundTopic(12, 1, {"retention.ms": "5"})
    with pytest.raises(DriftError, match=r"topic t: had nothing of that name, has 12 partitions"):
        world.publisher().apply(planned)
    assert not world.registry.subjects


@pytest.mark.parametrize("requests", range(1, 12))
def test_acceptance_3_a_plan_that_was_killed_anywhere_is_completed_by_carrying_it_out_again(requests: int) -> None:
    world = World()
    planned = world.plan()
    left = requests

    class Killed(BaseException):
        pass

    def dying(request: httpx.Request) -> httpx.Response:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return world.registry.answer(request)

    http = RegistryHttp("http://r", attempts=1, clock=world.clock, transport=httpx.MockTransport(dying))
    with suppress(Killed):
        Publisher(http, cast(KafkaAdmin, world.kafka), world.clock, 60.0, world.said.append).apply(planned)
    world.publisher().apply(planned)
    assert [line.kind for line in world.plan().changes] == ["NOOP", "NOOP"]
    assert len(world.registry.subjects["s-value"]) == 1


def test_a_plan_that_was_edited_or_is_none_is_not_carried_out(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save(path, World().plan())
    path.write_text(path.read_text().replace("12 partitions", "13 partitions"))
    with pytest.raises(CodegenError, match=r"plan\.json: changes: .*edited"):
        load(path)
    path.write_text("[]")
    with pytest.raises(CodegenError, match="is not a plan"):
        load(path)


def _breaking() -> World:
    world = World()
    world.publish()
    world.registry.subjects["s-value"] = [TEXT.replace("[]", '[{"name":"x","type":"int"}]')]
    return world


def test_a_breaking_version_is_refused_by_our_own_verdict_where_the_registry_says_nothing() -> None:
    world = _breaking()
    sentence = r"subject s-value: consumers on v1 cannot read v2: `x` has no default"
    with pytest.raises(BreakingError, match=sentence):
        world.publish()
    with pytest.raises(BreakingError, match=sentence):
        world.publisher().apply(world.plan())
    assert len(world.registry.subjects["s-value"]) == 1


def test_a_breaking_version_that_is_allowed_is_registered_and_the_level_is_set_back() -> None:
    world = _breaking()
    world.publisher().apply(world.plan(), allowed={"s-value": "nobody reads it yet"})
    assert len(world.registry.subjects["s-value"]) == 2
    assert world.registry.levels == {"s-value": "FULL"}
    assert any("breaking, allowed: nobody reads it yet" in said for said in world.said)


def test_other_words_of_the_same_meaning_are_a_change_of_docs() -> None:
    world = World()
    world.publish()
    world.registry.subjects["s-value"] = [TEXT.replace('"name"', '"doc":"old","name"')]
    assert [line.kind for line in world.plan().changes] == ["DOCS", "NOOP"]
    assert world.publish() == 1


def test_subjects_of_a_prefix_that_no_contract_wants_are_deleted_when_asked() -> None:
    world = World()
    world.publish()
    world.registry.subjects |= {"s-old": ["x"], "other": ["x"]}
    assert [line.kind for line in world.plan().changes] == ["NOOP", "NOOP"]
    planned = world.plan(prune_prefix="s-")
    assert [(line.kind, line.name) for line in planned.changes if line.kind != "NOOP"] == [("DELETE", "subject s-old")]
    world.publisher().apply(planned)
    assert set(world.registry.subjects) == {"s-value", "other"}


def test_acceptance_6_a_version_that_somebody_registered_after_ours_is_drift() -> None:
    world = World()
    world.publish()
    world.registry.subjects["s-value"].append(TEXT.replace("[]", f"[{OLD_FIELD}]"))
    (line, _) = world.plan().changes
    assert (line.kind, line.sentence) == ("DRIFT", "Avro R, FULL: is version 1, but somebody registered 2 after it")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (lambda _: httpx.Response(401, json={}), r"refuses GET subjects \(401\)"),
        (lambda _: httpx.Response(403, json={}), r"refuses GET subjects \(403\)"),
        (lambda _: httpx.Response(503, text="busy"), r"gave up waiting .* answers 503"),
        (lambda _: httpx.Response(200, text="<html>"), "does not answer as a schema registry"),
    ],
)
def test_acceptance_12_each_failure_of_the_registry_has_its_words_and_exit_code_5(
    failure: Callable[[httpx.Request], httpx.Response], words: str
) -> None:
    with pytest.raises(UnreachableError, match=words) as caught:
        World(failure).plan()
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ssl.SSLCertVerificationError("self-signed certificate"), "no TLS connection"),
        (None, "gave up waiting .*ReadTimeout"),
    ],
)
def test_acceptance_12_tls_and_time_outs_are_told_apart(cause: Exception | None, words: str) -> None:
    def failing(request: httpx.Request) -> httpx.Response:
        if cause is None:
            raise httpx.ReadTimeout("timed out", request=request)
        raise httpx.ConnectError("failed", request=request) from cause

    with pytest.raises(UnreachableError, match=words):
        World(failing).plan()
