"""What is known of the producer's parts, and what of the whole."""

import pytest

from producer.core.availability import Available, Readiness, Unavailable

STARTING = Unavailable("it is starting")


def test_the_producer_is_available_only_when_each_part_is() -> None:
    """The producer is available only when every part is, and the reason for the whole names each part that is not."""
    readiness = Readiness(["start", "lane 0"])
    assert readiness.whole() == Unavailable("start: it is starting; lane 0: it is starting")
    readiness.note("start", Available())
    assert readiness.whole() == Unavailable("lane 0: it is starting")
    readiness.note("lane 0", Available())
    assert readiness.whole() == Available()
    readiness.note("start", Unavailable("no broker"))
    assert (readiness.of("start"), readiness.whole()) == (Unavailable("no broker"), Unavailable("start: no broker"))


def test_what_is_noted_again_is_not_new() -> None:
    """A reason is new the first time and again after it was gone, and not in between, so logs do not repeat it."""
    readiness = Readiness(["lane 0"])
    down = Unavailable("no broker")
    told = [readiness.note("lane 0", each) for each in (STARTING, down, down, Available(), down)]
    assert told == [False, True, False, True, True]


def test_a_part_that_nobody_named_is_a_defect() -> None:
    """Noting a part that the start did not name raises KeyError, so none can be forgotten or misspelt."""
    with pytest.raises(KeyError):
        Readiness(["lane 0"]).note("lane 1", Available())
