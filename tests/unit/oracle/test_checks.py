"""The oracle finds a violation of each invariant, and nothing in an honest world."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from oracle.checks import CHECKS, PROMISES
from oracle.facts import Beginning, Committed, Facts, Ledger, Row, Stranger, TopicRecord
from oracle.history import Call, Outcome, Watermark
from oracle.judging import judge
from tests_support.planting import URL, id_in, record, world

ALWAYS_TOGETHER = {"I4"}
"""A committed record that no ledger has is also one that was skipped (I5)."""
ID, OTHER, THIRD = id_in(3, 0), id_in(3, 1), id_in(3, 2)
GARBAGE = TopicRecord(partition=3, offset=9, key=b"k", value=b"garbage")


def honest() -> Facts:
    """Return a world with a counted pair, a duplicate, a conflict, poison and a second partition."""
    return world(
        record(3, 0, ID, "2", "40.5"),
        record(3, 2, OTHER, "-1", "0.000000001"),
        record(3, 4, ID, "2", "40.5"),
        record(3, 5, OTHER, "7", "7"),
        GARBAGE,
        record(3, 11, THIRD, "1", "1"),
        record(5, 0, id_in(5), "10", "-3"),
    )


def ledger_3(facts: Facts) -> Ledger:
    return next(ledger for ledger in facts.ledgers if ledger.partition == 3)


def with_ledger(facts: Facts, ledger: Ledger) -> Facts:
    return replace(facts, ledgers=[ledger, *(other for other in facts.ledgers if other.partition != 3)])


def with_row(facts: Facts, index: int, row: Row) -> Facts:
    ledger = ledger_3(facts)
    rows = list(ledger.rows)
    rows[index] = row
    return with_ledger(facts, replace(ledger, rows=rows))


def ok(request_id: uuid.UUID, **changes: object) -> Call:
    call = Call(request_id=str(request_id), a="1", b="1", outcome=Outcome.OK, sum="2", partition=3, offset=11)
    return replace(call, **changes)  # type: ignore[arg-type]


def acknowledged_and_lost(facts: Facts) -> Facts:
    return replace(facts, calls=[*facts.calls, ok(id_in(3, 8))])


def counted_with_other_operands(facts: Facts) -> Facts:
    return replace(facts, calls=[ok(OTHER, a="5", b="5", sum="10", offset=2)])


def counted_row_is_missing(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    return with_ledger(facts, replace(ledger, rows=ledger.rows[1:]))


def answered_wrong_sum(facts: Facts) -> Facts:
    return replace(facts, calls=[ok(THIRD, sum="3")])


def answered_wrong_position(facts: Facts) -> Facts:
    return replace(facts, calls=[ok(THIRD, offset=0)])


def counted_twice(facts: Facts) -> Facts:
    return with_row(facts, 2, replace(ledger_3(facts).rows[2], kind="COUNTED"))


def conflict_called_duplicate(facts: Facts) -> Facts:
    return with_row(facts, 3, replace(ledger_3(facts).rows[3], kind="DUPLICATE"))


def counted_other_sum(facts: Facts) -> Facts:
    return with_row(facts, 0, replace(ledger_3(facts).rows[0], sum=Decimal("42.6")))


def poison_for_a_wrong_reason(facts: Facts) -> Facts:
    return with_row(facts, 4, replace(ledger_3(facts).rows[4], reason="WRONG_SUM"))


def mark_with_wrong_total(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    marks = [*ledger.marks[:-1], replace(ledger.marks[-1], total=Decimal(1))]
    return with_ledger(facts, replace(ledger, marks=marks))


def row_of_an_aborted_transaction(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    rows = [*ledger.rows[:1], Row(kind="COUNTED", offset=1, request_id=id_in(3, 9).bytes), *ledger.rows[1:]]
    marks = [replace(mark, rows_before=mark.rows_before + (mark.next_offset > 1)) for mark in ledger.marks]
    return replace(with_ledger(facts, replace(ledger, rows=rows, marks=marks)), aborted={3: frozenset({1})})


def committed_past_every_ledger(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    short = replace(ledger, rows=ledger.rows[:-1], marks=ledger.marks[:-1])
    return with_ledger(facts, short)


def skipped_offset(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    return with_ledger(facts, replace(ledger, rows=[*ledger.rows[:2], *ledger.rows[3:]]))


def offsets_that_do_not_rise(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    rows = [*ledger.rows[:3], ledger.rows[2], *ledger.rows[3:]]
    return with_ledger(facts, replace(ledger, rows=rows))


def partition_without_any_ledger(facts: Facts) -> Facts:
    return replace(facts, ledgers=[ledger_3(facts)])


def two_replicas_that_differ(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    rows = [replace(ledger.rows[0], a=Decimal(3)), *ledger.rows[1:3]]
    return replace(facts, ledgers=[*facts.ledgers, replace(ledger, replica="1", rows=rows, marks=ledger.marks[:3])])


def two_replicas_with_different_chains(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    marks = [replace(mark, chain=b"x" * 16) for mark in ledger.marks[:3]]
    return replace(facts, ledgers=[*facts.ledgers, replace(ledger, replica="1", rows=ledger.rows[:3], marks=marks)])


def chain_over_other_rows(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    return with_ledger(facts, replace(ledger, marks=[*ledger.marks[:-1], replace(ledger.marks[-1], chain=b"y" * 16)]))


def other_timestamp(facts: Facts) -> Facts:
    return with_row(facts, 0, replace(ledger_3(facts).rows[0], timestamp_us=1))


def shorter_than_rest_had_shown(facts: Facts) -> Facts:
    return replace(facts, watermarks=[Watermark(source="rest", partition=3, next_offset=13)])


def block_with_a_wrong_crc(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    return with_ledger(facts, replace(ledger, marks=[replace(ledger.marks[0], crc_holds=False), *ledger.marks[1:]]))


def missing_segment(facts: Facts) -> Facts:
    ledger = ledger_3(facts)
    opening = replace(ledger.marks[3], rows_before=2)
    return with_ledger(facts, replace(ledger, openings=[*ledger.openings, opening]))


def unreadable_ledger(facts: Facts) -> Facts:
    return with_ledger(facts, replace(ledger_3(facts), damage="0.avro: bad sync marker"))


def commit_that_went_back(facts: Facts) -> Facts:
    return replace(facts, watermarks=[Watermark(source="committed", partition=3, next_offset=99)])


def poison_without_dead_letter(facts: Facts) -> Facts:
    return replace(facts, dead_letters=[])


def two_dead_letters(facts: Facts) -> Facts:
    return replace(facts, dead_letters=[*facts.dead_letters, *facts.dead_letters])


def dead_letter_of_a_good_record(facts: Facts) -> Facts:
    return forged(facts, source_offset=0)


def forged(facts: Facts, **changes: Any) -> Facts:
    """Return facts with a letter beside the genuine one."""
    return replace(facts, dead_letters=[*facts.dead_letters, replace(facts.dead_letters[0], **changes)])


def dead_letter_with_other_bytes(facts: Facts) -> Facts:
    return forged(facts, value=b"garbled")


def dead_letter_with_another_reason(facts: Facts) -> Facts:
    return forged(facts, reason="WRONG_KEY")


def dead_letter_with_another_digest(facts: Facts) -> Facts:
    return forged(facts, source_digest=b"00" * 16)


def dead_letter_in_another_partition(facts: Facts) -> Facts:
    return forged(facts, partition=4)


def forged_letter_alone(facts: Facts) -> Facts:
    return replace(facts, dead_letters=[replace(facts.dead_letters[0], value=b"garbled")])


def dead_letter_with_another_hash(facts: Facts) -> Facts:
    return forged(facts, value=b"gar", value_copied=Beginning(whole_bytes=7, sha256=bytes(32)))


def dead_letter_with_another_length(facts: Facts) -> Facts:
    right = hashlib.sha256(b"garbage").digest()
    return forged(facts, value=b"gar", value_copied=Beginning(whole_bytes=8, sha256=right))


def garbage_in_the_dead_letters(facts: Facts) -> Facts:
    return replace(facts, strangers=[Stranger(partition=3, offset=77, why="it has no frame")])


def refused_and_committed(facts: Facts) -> Facts:
    calls = [replace(call, outcome=Outcome.FAIL, status="ABORTED") for call in facts.calls]
    return replace(facts, calls=calls)


def call_that_hung(facts: Facts) -> Facts:
    return replace(facts, calls=[replace(facts.calls[0], ended_s=60.0)])


def commit_without_witness(facts: Facts) -> Facts:
    return replace(facts, committed={**facts.committed, 3: Committed(offset=12)})


def with_witness(facts: Facts, **changes: object) -> Facts:
    witness = {**(facts.committed[3].witness or {}), **changes}
    return replace(facts, committed={**facts.committed, 3: Committed(offset=12, witness=witness)})


def witness_with_a_wrong_count(facts: Facts) -> Facts:
    return with_witness(facts, counted=99)


def witness_with_another_chain(facts: Facts) -> Facts:
    return with_witness(facts, chain="00" * 16)


def rest_with_a_wrong_total(facts: Facts) -> Facts:
    return replace(facts, rest={URL: {**facts.rest[URL], "total": "0"}})


def rest_that_is_incomplete(facts: Facts) -> Facts:
    return replace(facts, rest={URL: {**facts.rest[URL], "complete": False}})


PLANTED: list[tuple[str, Callable[[Facts], Facts], str]] = [
    ("I1", acknowledged_and_lost, str(id_in(3, 8))),
    ("I1", counted_with_other_operands, str(OTHER)),
    ("I1", counted_row_is_missing, str(ID)),
    ("I1", answered_wrong_sum, "1 + 1 = 3"),
    ("I1", answered_wrong_position, str(THIRD)),
    ("I2", counted_twice, str(ID)),
    ("I2", conflict_called_duplicate, str(OTHER)),
    ("I2", counted_other_sum, str(ID)),
    ("I2", poison_for_a_wrong_reason, "offset 9"),
    ("I2", mark_with_wrong_total, "offset 12"),
    ("I3", row_of_an_aborted_transaction, f"offset 1 ({id_in(3, 9)}), which belongs to an aborted transaction"),
    ("I4", committed_past_every_ledger, "offset 12 is committed"),
    ("I5", skipped_offset, f"lacks offset 4 ({ID})"),
    ("I5", offsets_that_do_not_rise, f"offset 4 ({ID}) after offset 4"),
    ("I5", partition_without_any_ledger, "partition 5"),
    ("I6", two_replicas_that_differ, "replica 1"),
    ("I6", two_replicas_with_different_chains, "different chains at 1"),
    ("I6", chain_over_other_rows, "chain at offset 12"),
    ("I2", other_timestamp, "1 us"),
    ("I7", shorter_than_rest_had_shown, "REST had shown 13"),
    ("I8", block_with_a_wrong_crc, "ends at offset 1 "),
    ("I8", missing_segment, "begins at 6"),
    ("I8", unreadable_ledger, "bad sync marker"),
    ("I9", commit_that_went_back, "12 was committed after 99"),
    ("I10", poison_without_dead_letter, "offset 9"),
    ("I10", two_dead_letters, "2 dead letters"),
    ("I10", forged_letter_alone, "no genuine dead letter"),
    ("LETTERS", dead_letter_of_a_good_record, "offset 0, is forged: that record is not poison"),
    ("LETTERS", dead_letter_with_other_bytes, "offset 9, is forged: it has other bytes"),
    ("LETTERS", dead_letter_with_another_hash, "it has other bytes"),
    ("LETTERS", dead_letter_with_another_length, "it has other bytes"),
    ("LETTERS", dead_letter_with_another_reason, "its reason is WRONG_KEY"),
    ("LETTERS", dead_letter_with_another_digest, "its digest is that of other bytes"),
    ("LETTERS", dead_letter_in_another_partition, "it is in partition 4"),
    ("LETTERS", garbage_in_the_dead_letters, "offset 77 is not a dead letter: it has no frame"),
    ("I11", refused_and_committed, str(ID)),
    ("I12", call_that_hung, str(ID)),
    ("WITNESS", commit_without_witness, "offset 12"),
    ("WITNESS", witness_with_a_wrong_count, "counted 99 instead of 3"),
    ("WITNESS", witness_with_another_chain, "chain 0000"),
    ("REST", rest_with_a_wrong_total, "total 0"),
    ("REST", rest_that_is_incomplete, "complete False"),
]


@pytest.mark.parametrize(("invariant", "plant", "named"), PLANTED, ids=[plant.__name__ for _, plant, _ in PLANTED])
def test_a_planted_violation_is_found_under_its_name(
    invariant: str, plant: Callable[[Facts], Facts], named: str
) -> None:
    """Each planted violation is found under its invariant, in a message that names the id or the offset."""
    found = [finding.message for finding in judge(plant(honest())).findings if finding.invariant == invariant]
    assert any(named in message for message in found), found


def test_each_check_of_the_oracle_has_a_violation_that_it_finds() -> None:
    """Each check of the oracle is the only one to fail for some planted violation, so none is empty."""
    assert {invariant for invariant, _, _ in PLANTED} == CHECKS.keys() == PROMISES.keys() - {"AT REST"}
    reached = {plant: {finding.invariant for finding in judge(plant(honest())).findings} for _, plant, _ in PLANTED}
    alone = {next(iter(names)) for names in reached.values() if len(names) == 1}
    assert CHECKS.keys() - alone == ALWAYS_TOGETHER, "each check fails alone for at least one violation"


def test_a_check_that_had_nothing_to_look_at_is_reported_as_unchecked_and_not_as_passed() -> None:
    """Without calls, watermarks, REST answers or commits the checks that need them are unchecked."""
    blind = replace(honest(), calls=(), watermarks=(), rest={}, committed={})
    assert judge(blind).unchecked.keys() == {"I1", "I4", "I7", "I9", "I11", "I12", "REST", "WITNESS"}
    watched = [Watermark(source=source, partition=3, next_offset=1) for source in ("rest/0", "committed")]
    assert judge(replace(honest(), watermarks=watched)).unchecked == {}


def test_a_system_that_is_not_at_rest_is_judged_and_the_report_begins_with_what_was_missing() -> None:
    """A system that did not come to rest is judged, and that is the report's first finding."""
    report = judge(replace(honest(), unrest="not in 1 s: the group has committed every record"))
    assert str(report.findings[0]) == "AT REST: not in 1 s: the group has committed every record"


def test_an_honest_world_has_no_findings() -> None:
    """A correct system has no findings, and the report states its exact counts and total."""
    report = judge(honest()).require_clean()
    counts = (report.records, report.counted, report.duplicates, report.conflicts, report.poison)
    assert counts == (7, 4, 1, 1, 1)
    assert report.total == Decimal("50.500000001")


def test_a_letter_with_the_beginning_of_its_record_and_the_right_hash_is_genuine() -> None:
    """The record is at its source position; the letter needs to hold its length and SHA-256 only."""
    facts = honest()
    beginning = Beginning(whole_bytes=7, sha256=hashlib.sha256(b"garbage").digest())
    letter = replace(facts.dead_letters[0], value=b"gar", value_copied=beginning)
    judge(replace(facts, dead_letters=[letter])).require_clean()


def test_a_letter_whose_record_is_gone_is_not_judged_and_the_report_says_so() -> None:
    """A letter whose record the topic has deleted is no finding, and the report says that it was not judged."""
    report = judge(replace(forged(honest(), source_offset=1), log_starts={3: 2}))
    assert report.unchecked["LETTERS"] == "the records of 1 dead letters were deleted from the topic"
    assert "LETTERS" not in {finding.invariant for finding in report.findings}


def test_what_a_replica_had_shown_may_be_in_another_ones_ledger_but_must_be_in_one() -> None:
    """One that was held shows the witness of who went on; its own ledger may lack that for ever."""
    facts = honest()
    ledger = ledger_3(facts)
    held = replace(ledger, replica="1", rows=ledger.rows[:2], marks=ledger.marks[:2])
    facts = replace(facts, ledgers=[*facts.ledgers, held])

    def found(next_offset: int) -> list[str]:
        shown = [Watermark(source="rest/1", partition=3, next_offset=next_offset)]
        findings = judge(replace(facts, watermarks=shown)).findings
        return [finding.message for finding in findings if finding.invariant == "I7"]

    assert held.next_offset < ledger.next_offset == 12
    assert found(12) == []
    [message] = found(13)
    assert "replica 1" in message
    assert "REST had shown 13" in message


def test_a_shorter_ledger_of_a_second_replica_is_no_violation() -> None:
    """A replica whose ledger is a prefix of another's is behind, which breaks no invariant."""
    facts = honest()
    ledger = ledger_3(facts)
    prefix = replace(ledger, replica="1", rows=ledger.rows[:2], marks=ledger.marks[:2])
    judge(replace(facts, ledgers=[*facts.ledgers, prefix])).require_clean()


def test_an_unknown_outcome_may_be_there_or_not() -> None:
    """A call of unknown outcome may be counted or missing without a finding."""
    facts = honest()
    unknown = [ok(ID, outcome=Outcome.UNKNOWN, a="2", b="40.5"), ok(id_in(3, 8), outcome=Outcome.UNKNOWN)]
    judge(replace(facts, calls=[*facts.calls, *unknown])).require_clean()


def test_a_refusal_before_a_later_ok_is_no_violation() -> None:
    """An addition that was refused once and later acknowledged may be counted."""
    facts = honest()
    judge(replace(facts, calls=[ok(THIRD, outcome=Outcome.FAIL), *facts.calls])).require_clean()


def test_findings_stop_the_test_with_every_message() -> None:
    """A report that must be clean raises an error with the messages of its findings."""
    with pytest.raises(AssertionError, match=r"I10: partition 3 offset 9 is poison"):
        judge(poison_without_dead_letter(honest())).require_clean()
