"""The question for the topic's id: one in flight, whatever becomes of its answer."""

from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection

from tally.kafka import topic_admin
from tally.kafka.facts import KafkaFacts
from tally.kafka.topic_identity import TopicIdentity
from tally.kafka.trouble import TOPIC_MISSING_CURE, KafkaTroubleError

DESCRIBED = SimpleNamespace(topic_id="topic-1", partitions=[1, 2, 3])


class Admin:
    """An admin client whose answers a test gives."""

    def __init__(self) -> None:
        self.asked: list[Future[SimpleNamespace]] = []
        self.answers: list[SimpleNamespace | BaseException] = []

    def poll(self, _timeout_s: float) -> int:
        return 0

    def describe_topics(
        self, _topics: TopicCollection, *, request_timeout: float
    ) -> dict[str, Future[SimpleNamespace]]:
        assert all(future.done() for future in self.asked), "one question is in flight"
        future: Future[SimpleNamespace] = Future()
        self.asked.append(future)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        return {"t": future}


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Admin]:
    made = Admin()
    monkeypatch.setattr(topic_admin, "AdminClient", lambda _config: made)
    yield made
    for future in made.asked:
        future.cancel()


def facts() -> KafkaFacts:
    return KafkaFacts({"bootstrap.servers": "127.0.0.1:1"}, "t", 0.01)


def test_nothing_is_asked_while_an_answer_is_outstanding(admin: Admin) -> None:
    """While an answer is outstanding nothing else is asked, and a late answer still goes to its own question."""
    asking = facts()
    for _ in range(2):
        with pytest.raises(KafkaTroubleError, match="did not return the id of topic t"):
            asking.topic()
    assert len(admin.asked) == 1
    admin.asked[0].set_result(DESCRIBED)
    admin.answers = [DESCRIBED]
    assert asking.topic() == TopicIdentity("topic-1", 3)
    assert len(admin.asked) == 2


def test_the_client_is_kept_after_an_error_and_a_missing_topic_is_told_from_trouble(admin: Admin) -> None:
    """The same client is asked again after an error, and a missing topic has a cure of its own."""
    admin.answers = [
        KafkaException(KafkaError(KafkaError._TIMED_OUT)),
        KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)),
        DESCRIBED,
    ]
    asking = facts()
    with pytest.raises(KafkaTroubleError, match="_TIMED_OUT"):
        asking.topic()
    with pytest.raises(KafkaTroubleError, match="the cluster has no topic t") as missing:
        asking.topic()
    assert missing.value.cure == TOPIC_MISSING_CURE
    assert asking.topic().topic_id == "topic-1"


def test_ends_of_logs_that_kafka_does_not_tell_are_trouble(admin: Admin) -> None:
    """A broker that does not answer is trouble, and never an empty log or a cluster without an id."""
    asking = facts()
    with pytest.raises(KafkaTroubleError, match="the ends of t"):
        asking.log_ends([3])
    with pytest.raises(KafkaTroubleError, match="the cluster's id"):
        asking.cluster_id()
