"""Dead letters that somebody else wrote, on a Kafka in memory and real ledger files."""

from pathlib import Path

import pytest

from consumer.core.partition.state import Running
from tally.base.framing import frame
from tally.event.claims import Claim
from tally.event.codes import FRAMING, UNKNOWN_SCHEMA, WRONG_KEY, WRONG_SUM
from tally.event.digest import undecoded
from tests_support.consumer.bench import Bench, Kafka, no_topic
from tests_support.ledger.records import Record, addition, body, request_id


def junk(offset: int) -> Record:
    return Record(offset, 1_764_000_000_000, b"k", b"junk %d" % offset)


def additions(count: int, first: int = 0) -> list[Record]:
    return [addition(offset, offset) for offset in range(first, first + count)]


@pytest.mark.parametrize("reason", [FRAMING, UNKNOWN_SCHEMA, WRONG_KEY])
@pytest.mark.parametrize("copied", [False, True], ids=["headers-only", "copied"])
@pytest.mark.parametrize("commits", [False, True], ids=["before-the-first-commit", "after-commits"])
def test_a_forged_dead_letter_takes_no_sum_out_of_the_total(
    tmp_path: Path, reason: int, copied: bool, commits: bool
) -> None:
    """Forged letters about good records, with whatever bytes and however early, leave every sum in the total (I2)."""
    good = additions(20)
    kafka = Kafka(good)
    if commits:
        Bench(tmp_path / "first", kafka).rounds()
    for record in good:
        digest = undecoded(record.key, record.value) if copied else bytes(16)
        kafka.forge(record.offset, Claim(reason, digest))
    bench = Bench(tmp_path / "second", kafka)
    bench.rounds(10)
    assert bench.own.state == Running()
    assert (bench.figures.counts.counted, bench.figures.counts.poison) == (20, 0)


def test_a_letter_about_a_record_that_is_not_there_yet_is_ignored(tmp_path: Path) -> None:
    """A letter about an offset that has no record yet is ignored, and the record is decided by itself when it comes."""
    foreign = Record(30, 1, request_id(30), frame(8) + body(request_id(30), 1, 2))
    kafka = Kafka(additions(3))
    kafka.forge(30, Claim(UNKNOWN_SCHEMA, undecoded(foreign.key, foreign.value)))
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    kafka.sums.write([foreign])
    bench.rounds()
    assert (bench.figures.counts.counted, bench.figures.counts.poison) == (4, 0)


def test_a_letter_about_a_record_that_has_changed_is_ignored(tmp_path: Path) -> None:
    """A letter about other bytes than those at its offset now is ignored, as the log may have lost its tail (I6)."""
    foreign = Record(3, 1, request_id(3), frame(8) + body(request_id(3), 1, 2))
    kafka = Kafka([*additions(3), foreign])
    kafka.forge(3, Claim(UNKNOWN_SCHEMA, bytes(16)))
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    assert (bench.figures.counts.counted, bench.figures.counts.poison) == (4, 0)


@pytest.mark.parametrize("published", [False, True], ids=["while-it-waits", "before-it-is-read"])
def test_our_own_letter_is_published_beside_a_forged_one(tmp_path: Path, published: bool) -> None:
    """A forged letter about poison, with another reason or digest, does not replace the genuine one (I10)."""
    own = undecoded(junk(3).key, junk(3).value)
    forged = (Claim(WRONG_SUM, own), Claim(FRAMING, bytes(16)))
    kafka = Kafka([*additions(3), junk(3)])
    if published:
        kafka.forge(3, *forged)
    bench = Bench(tmp_path, kafka, faults=None if published else no_topic())
    bench.rounds()
    if not published:
        kafka.forge(3, *forged)
        bench = Bench(tmp_path, kafka)
        bench.rounds()
    assert bench.own.state == Running()
    assert kafka.claims[3] == (*forged, Claim(FRAMING, own))


def test_poison_whose_record_has_changed_is_published_without_its_bytes(tmp_path: Path) -> None:
    """A letter about a record whose bytes have changed has the row's digest and no bytes."""
    kafka = Kafka([*additions(3), junk(3), *additions(1, first=4)])
    Bench(tmp_path, kafka, faults=no_topic()).rounds()
    kafka.sums.rewrite(Record(3, 0, b"k", b"other junk"))
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    assert [(one.value.data, one.digest) for one in bench.publisher.publications[0].letters] == [
        (None, undecoded(junk(3).key, junk(3).value))
    ]
