"""What a partition waits for of the registry, and when a denial is a verdict."""

import uuid

from consumer.core.schema_wait import NAMES_MAX, Denials, Denied, SchemaWait, gather
from tally.base.framing import SchemaName, frame
from tally.event.classify import Fetched
from tally.event.resolution import Resolved
from tests_support.ledger.records import SCHEMA_ID, Record, addition, fetched

APART_S = 3.0
GUID = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")


def named(offset: int, name: SchemaName) -> Record:
    head = frame(name) if isinstance(name, int) else b"\x01" + name.bytes
    return Record(offset, 0, b"k", head + b"body")


def gathered(batch: Fetched, known: set[SchemaName], judged: set[int]) -> tuple[int, list[SchemaName], int]:
    position, wait = gather(batch, known.__contains__, SCHEMA_ID, judged)
    return position, wait.open_names, wait.until


def test_a_wait_begins_at_the_first_record_that_cannot_be_read_and_has_every_name_from_there_on_once() -> None:
    """A wait starts at the first record of unknown schema and has each schema name from there on once, known or not."""
    records = [addition(0, 0), named(1, 8), named(2, 9), Record(3, 0, None, None), named(4, GUID), addition(5, 1)]
    batch = fetched([*records, named(6, 9), Record(7, 0, b"", b"\x01junk"), named(8, 8)])
    # 8 is known at the moment; behind the first unknown name the wait keeps it, too, so that nothing can forget it
    assert gathered(batch, {8}, set()) == (2, [9, GUID, 8], 9)


def test_a_record_whose_verdict_is_known_is_not_waited_for() -> None:
    """A record that a dead letter decides already is passed over, and the wait starts at the next unknown one."""
    batch = fetched([named(4, 8), named(5, 9)])
    assert gathered(batch, set(), {4}) == (1, [9], 6)


def test_a_wait_has_a_bounded_number_of_names_and_ends_before_the_record_of_the_next_one() -> None:
    """A wait has at most NAMES_MAX names, and ends before the record that would bring one more."""
    batch = fetched([named(offset, 1_000 + offset) for offset in range(10, NAMES_MAX + 100)])
    position, names, until = gathered(batch, set(), set())
    assert (position, len(names), until) == (0, NAMES_MAX, NAMES_MAX + 10)


def test_a_wait_whose_schemas_are_large_is_for_fewer_records_and_stays_bounded() -> None:
    """When the schemas exceed the memory of a wait, it ends at an earlier record, and its answers so far are kept."""
    wait = SchemaWait({name: name * 10 for name in range(1, 6)}, 60)
    large = Resolved("f")
    wait.settle(1, large, 3_000_000)
    assert (wait.open_names, wait.until) == ([2, 3, 4, 5], 60)
    wait.settle(4, Denied())
    wait.settle(2, large, 3_000_000)
    assert (wait.open_names, wait.until) == ([], 30)
    assert (wait.answer(2), wait.answer(4)) == (large, Denied())


def test_a_denial_is_a_verdict_only_when_it_was_asked_for_some_time_after_the_first() -> None:
    """A denial is a verdict only if its question came late enough after the first, however late the answer was."""
    denials = Denials(APART_S, 10)
    assert denials.may_ask(9, 100.0)
    assert not denials.is_verdict(9, 100.0, 102.0)
    assert not denials.may_ask(9, 104.9)
    assert not denials.is_verdict(9, 104.9, 110.0), "the question came too early, however late the answer"
    assert denials.may_ask(9, 105.0)
    assert denials.is_verdict(9, 105.0, 105.1)


def test_a_name_that_is_given_after_a_denial_begins_anew() -> None:
    """A schema that was found after a denial needs two denials again before it is given up."""
    denials = Denials(APART_S, 10)
    assert not denials.is_verdict(9, 100.0, 100.0)
    denials.given(9)
    assert not denials.is_verdict(9, 200.0, 200.0)


def test_denials_are_bounded_and_one_that_was_forgotten_is_a_first_one_again() -> None:
    """Only so many denials are remembered, and a name whose denial was dropped needs two again."""
    denials = Denials(APART_S, 2)
    for name in (7, 8, 9):
        assert not denials.is_verdict(name, 100.0, 100.0)
    assert denials.is_verdict(9, 110.0, 110.0)
    assert not denials.is_verdict(7, 110.0, 110.0)
