"""Publishing poison once, whatever becomes of the transaction."""

import hashlib
import math
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.partition.job_events import LettersNotPublished, LettersPublished
from consumer.core.publication import Publication
from consumer.shell.kafka.dead_letters import DeadLetterPublisher
from tally.base.framing import unframe
from tally.event.claims import Claim, claim_of
from tally.event.codes import WRONG_SUM
from tally.event.dead_letter import (
    BEGINNING_BYTES,
    SOURCE_DIGEST,
    WHOLE_BYTES_MAX,
    Copy,
    Letter,
    copies_of,
    dead_record,
)
from tally.event.digest import undecoded
from tally.generated.avro.dead_letter import DeadLetter
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.transaction_port import Kind, ProduceFailed, Transactions, Trouble
from tally.kafka.trouble import KafkaTroubleError
from tests_support.kafka.broker import Broker
from tests_support.kafka.consumer_side import Facts
from tests_support.kafka.faults import Faults
from tests_support.kafka.group import Member
from tests_support.kafka.transactions import FakeTransactions
from tests_support.waiting import eventually

DIGEST = undecoded(b"k", b"\x00v")
LETTER = Letter(
    3, 7, 1_764_000_000_000, WRONG_SUM, "sum is not a + b", DIGEST, 4_000_000_000, Copy(b"k"), Copy(b"\x00v")
)


class Cluster:
    """A Kafka in memory, the clients that were made for it, and what goes wrong with them."""

    def __init__(self) -> None:
        self.kafka = Broker()
        self.faults = Faults()
        self.facts = Facts(self.kafka, self.faults)
        self.clients: list[FakeTransactions] = []

    @property
    def letters(self) -> list[bytes | None]:
        return [entry.key for entry in self.kafka.log(3, SUMS_DLT.name).read_committed()]

    def made(self, transactional_id: str) -> Transactions:
        self.clients.append(FakeTransactions(self.kafka, transactional_id, SUMS_DLT.name, self.faults))
        return self.clients[-1]

    def publisher(self, idle_s: float = math.inf) -> DeadLetterPublisher:
        return DeadLetterPublisher(self.made, self.facts, SUMS.name, 1.0, idle_s)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def publisher(cluster: Cluster) -> DeadLetterPublisher:
    return cluster.publisher()


PUBLICATION = Publication(3, (LETTER,), 8, "witness", Member("member"), "topic-1", 2)


def test_the_letters_and_the_offset_are_committed_together(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    """A publication commits its letters, the next offset and the witness in one transaction."""
    assert publisher.publish(PUBLICATION) == LettersPublished(8)
    assert (cluster.letters, cluster.kafka.group.committed) == ([b"3:7"], {3: (8, "witness")})


def test_a_clean_client_is_kept(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    """A client whose transaction gave no trouble is used again, since a new one costs more than the publication."""
    publisher.publish(PUBLICATION)
    publisher.publish(PUBLICATION)
    assert [client.closed for client in cluster.clients] == [False]


@pytest.mark.parametrize("fault", ["commit", "commit-held", "commit-lost"])
def test_after_an_unknown_outcome_a_new_instance_looks_before_it_publishes(
    publisher: DeadLetterPublisher, cluster: Cluster, fault: str
) -> None:
    """Whether a commit never left, is on its way or was done, the letters are in the topic exactly once."""
    cluster.faults.queue.append(fault)
    assert isinstance(publisher.publish(PUBLICATION), LettersNotPublished)
    assert publisher.publish(PUBLICATION) == LettersPublished(8)
    for late in cluster.kafka.held:
        assert not late(), "the older instance is fenced"
    assert cluster.letters == [b"3:7"]
    assert [client.closed for client in cluster.clients] == [True, False]


def test_a_client_with_a_sign_of_a_request_sent_twice_is_not_used_again(
    publisher: DeadLetterPublisher, cluster: Cluster
) -> None:
    """A client that shows a sign of a repeated request is closed, whether it shows at a commit or while it is idle."""
    cluster.faults.queue.append("commit-signs")
    publisher.publish(PUBLICATION)
    publisher.publish(replace(PUBLICATION, next_offset=9))
    cluster.faults.queue.append("idle")
    publisher.publish(replace(PUBLICATION, next_offset=10))
    assert [client.closed for client in cluster.clients] == [True, True, False]


def test_settling_takes_a_new_instance_which_is_used_on(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    """A new instance ends what an earlier owner left undecided, and then publishes itself."""
    publisher.settle(3)
    assert publisher.publish(PUBLICATION) == LettersPublished(8)
    assert len(cluster.clients) == 1


def test_settling_that_fails_says_so(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    """Settling that fails raises with the cause, so that the partition waits, and its client is closed."""
    cluster.faults.lasting["renew"] = "no broker"
    with pytest.raises(KafkaTroubleError, match="a transaction of dead letters is undecided: no broker"):
        publisher.settle(3)
    assert cluster.clients[0].closed


def test_a_client_that_nobody_needs_is_let_go(cluster: Cluster) -> None:
    """A client that is idle too long is closed, and so is one whose partition is given up."""
    soon = cluster.publisher(idle_s=0.01)
    soon.publish(PUBLICATION)
    eventually(lambda: cluster.clients[0].closed, 30, "the idle client is let go")
    soon.publish(replace(PUBLICATION, next_offset=9))
    soon.forget(3)
    assert cluster.clients[1].closed


def test_a_letter_that_the_topic_does_not_take_is_told_with_its_cause_and_its_cure(
    publisher: DeadLetterPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter that the topic refuses is reported with the cause and with the command that a person must run."""
    trouble = Trouble(Kind.ABORTABLE, "MSG_SIZE_TOO_LARGE: too large", KafkaError.MSG_SIZE_TOO_LARGE)
    monkeypatch.setattr(FakeTransactions, "produce", lambda *_given: ProduceFailed(trouble))
    outcome = publisher.publish(PUBLICATION)
    assert isinstance(outcome, LettersNotPublished)
    assert "MSG_SIZE_TOO_LARGE" in outcome.reason
    assert "codegen plan" in (outcome.cure or "")


def test_a_time_out_needs_no_cure(publisher: DeadLetterPublisher, cluster: Cluster) -> None:
    """A publication that timed out names no cure, since the next attempt may succeed."""
    cluster.faults.queue.append("commit")
    outcome = publisher.publish(PUBLICATION)
    assert isinstance(outcome, LettersNotPublished)
    assert outcome.cure is None


def test_nothing_is_published_while_the_committed_offset_cannot_be_read(
    publisher: DeadLetterPublisher, cluster: Cluster
) -> None:
    """While the committed offset cannot be read nothing is published, as the letters may be there already."""
    cluster.faults.lasting["unreadable"] = "undecided"
    for _ in range(2):
        assert isinstance(publisher.publish(PUBLICATION), LettersNotPublished)
    assert cluster.letters == []


def test_a_dead_letter_holds_the_bytes_and_its_headers_tell_the_verdict_again() -> None:
    """A letter holds key and value, and its headers give reason and digest for its own topic and partition only."""
    record = dead_record(LETTER, "t", "topic-1", 2)
    schema_id, body = unframe(record.value)
    dead = DeadLetter.decode(body)
    assert (schema_id, dead.key, dead.value, dead.reason.value) == (2, b"k", b"\x00v", "WRONG_SUM")
    assert dead.schema_id is None  # more than Avro's int holds; the value has it
    assert claim_of(record.headers, record.value, "topic-1", 3) == (7, Claim(WRONG_SUM, DIGEST))
    assert claim_of(record.headers, record.value, "topic-2", 3) is None
    assert claim_of(record.headers, record.value, "topic-1", 4) is None


@pytest.mark.parametrize(("key", "value"), [(16, 2_000_000 - 16), (None, 2_000_000), (2_000_000, None), (0, 0)])
def test_a_record_that_fits_is_copied_whole(key: int | None, value: int | None) -> None:
    """A letter has all of any record that the sums topic accepts."""
    parts = [None if size is None else bytes(size) for size in (key, value)]
    assert copies_of(*parts) == (Copy(parts[0]), Copy(parts[1]))
    assert int(SUMS.config["max.message.bytes"]) <= WHOLE_BYTES_MAX


@pytest.mark.parametrize(("key", "value"), [(16, 2_000_000), (16, 3_000_000), (3_000_000, 5), (3_000_000, 3_000_000)])
def test_a_record_that_does_not_fit_is_copied_by_its_beginning_with_length_and_hash(key: int, value: int) -> None:
    """A part that is too large is copied by its start, length and hash, and the letter fits into its topic."""
    parts = [bytes(range(256)) * (size // 256 + 1) for size in (key, value)]
    parts = [part[:size] for part, size in zip(parts, (key, value), strict=True)]
    for part, copy in zip(parts, copies_of(*parts), strict=True):
        assert copy.data is not None
        if len(part) <= BEGINNING_BYTES:
            assert copy == Copy(part)
        else:
            assert copy == Copy(part[:BEGINNING_BYTES], len(part), hashlib.sha256(part).digest())
    own, rest = copies_of(*parts)
    record = dead_record(replace(LETTER, key=own, value=rest, detail="x" * 300), "t" * 249, "topic-1", 2)
    assert len(record.key) + len(record.value) + 10_000 < int(SUMS_DLT.config["max.message.bytes"])
    dead = DeadLetter.decode(unframe(record.value)[1])
    assert (dead.value_bytes, dead.value_sha256) == (rest.whole_bytes, rest.sha256)
    assert (dead.key_bytes, dead.key_sha256) == (own.whole_bytes, own.sha256)


def test_a_letter_of_an_earlier_version_is_known_by_its_copy_of_the_record() -> None:
    """A letter without a digest header is recognised by the hash of its copy, and claims nothing without a copy."""
    record = dead_record(LETTER, "t", "topic-1", 2)
    old = [(name, value) for name, value in record.headers if name != SOURCE_DIGEST]
    assert claim_of(old, record.value, "topic-1", 3) == (7, Claim(WRONG_SUM, DIGEST))
    for value in (None, b"", record.value[:5], record.value[:40], b"\x01" * 200):
        assert claim_of(old, value, "topic-1", 3) is None


PLACED = [("source-topic-id", b"topic-1"), ("source-partition", b"3"), ("source-digest", DIGEST.hex().encode())]


@pytest.mark.parametrize(
    "headers",
    [None, [], PLACED,
     [*PLACED, ("source-offset", b"x"), ("reason", b"FRAMING")],
     [*PLACED, ("source-offset", b"-1"), ("reason", b"FRAMING")],
     [*PLACED, ("source-offset", b"9" * 400_000), ("reason", b"FRAMING")],
     [*PLACED, ("source-offset", "٣".encode()), ("reason", b"FRAMING")],
     [*PLACED, ("source-offset", b"1"), ("reason", b"NONE")],
     [*PLACED, ("source-offset", b"1"), ("reason", b"\xff")],
     [*PLACED[:2], ("source-digest", b"00"), ("source-offset", b"1"), ("reason", b"FRAMING")],
     [*PLACED[:2], ("source-digest", None), ("source-offset", b"1"), ("reason", b"FRAMING")],
     [*PLACED[:2], ("source-digest", b"no hex"), ("source-offset", b"1"), ("reason", b"FRAMING")]],
)  # fmt: skip
def test_a_record_of_somebody_else_in_the_dead_letter_topic_claims_nothing(headers: Any) -> None:
    """A foreign record in the dead-letter topic claims nothing and raises nothing, whatever its headers hold."""
    assert claim_of(headers, b"anything", "topic-1", 3) is None


NAMES = ["source-topic-id", "source-partition", "source-offset", "reason", "source-digest"]
CONTENTS = st.none() | st.binary(max_size=40) | st.sampled_from([b"topic-1", b"3", b"7", b"FRAMING"])


@given(st.lists(st.tuples(st.sampled_from(NAMES), CONTENTS)), st.none() | st.binary(max_size=300))
def test_no_headers_and_no_bytes_break_the_reading_of_claims(headers: Any, value: bytes | None) -> None:
    """Any headers and value are read as a claim or as none, and nothing is raised."""
    assert claim_of(headers, value, "topic-1", 3) is None or value is not None or "source-digest" in dict(headers)
