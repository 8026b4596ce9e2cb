"""Checks of the content of the ledgers: I2 to I8."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from oracle.chain import chains_at
from oracle.facts import COUNTED, Facts, Ledger
from oracle.naming import at_offset, row_text, text
from oracle.truth import Truth, differences, states_at


def i2_each_id_once(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find ids that are counted twice, and rows that do not match the topic."""
    for ledger in facts.ledgers:
        seen: dict[bytes, int] = {}
        for row in ledger.rows:
            if row.kind == COUNTED and row.request_id in seen:
                before = seen[row.request_id]
                yield f"{ledger.name} counts {text(row.request_id)} at {before} and again at {row.offset}"
                return
            if row.kind == COUNTED:
                seen[row.request_id] = row.offset
        wrong = _first_wrong_row(ledger, truth)
        if wrong:
            yield wrong
            return


def i2_counts_are_true(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find MARKs and segment headers whose counts or total differ from the fold of the topic up to their offset."""
    for ledger in facts.ledgers:
        claims = sorted([*ledger.marks, *ledger.openings], key=lambda mark: mark.next_offset)
        states = states_at(truth.verdicts.get(ledger.partition, []), [mark.next_offset for mark in claims])
        for claimed, true in zip(claims, states, strict=True):
            wrong = differences(claimed, true)
            if wrong:
                yield f"{ledger.name}, state at offset {claimed.next_offset}: {', '.join(wrong)}"
                return


def i3_nothing_aborted(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find rows whose record read_committed does not return."""
    for ledger in facts.ledgers:
        there = {verdict.offset for verdict in truth.verdicts.get(ledger.partition, [])}
        for row in ledger.rows:
            if row.offset not in there:
                aborted = row.offset in facts.aborted.get(ledger.partition, frozenset())
                what = "belongs to an aborted transaction" if aborted else "is not in the topic"
                yield f"{ledger.name} has a {row.kind} row at {at_offset(row)}, which {what}"
                return


def i4_committed_is_in_a_ledger(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find committed offsets that no ledger has reached."""
    reached: dict[int, int] = defaultdict(int)
    for ledger in facts.ledgers:
        reached[ledger.partition] = max(reached[ledger.partition], ledger.next_offset)
    for partition, committed in sorted(facts.committed.items()):
        last = max((verdict.offset for verdict in truth.verdicts.get(partition, [])), default=-1)
        # A committed offset may be after the marker of the last transaction, where there is no record.
        if committed.offset > reached[partition] and last >= reached[partition]:
            yield (
                f"partition {partition}: offset {committed.offset} is committed, but the ledgers end at "
                f"{reached[partition]}"
            )
            return


def i5_nothing_skipped(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find offsets that do not increase, and committed records that a ledger lacks."""
    for ledger in facts.ledgers:
        for before, after in pairwise(ledger.rows):
            if after.offset <= before.offset:
                yield f"{ledger.name} has {at_offset(after)} after offset {before.offset}"
                return
        there = {row.offset for row in ledger.rows}
        for verdict in truth.verdicts.get(ledger.partition, []):
            if verdict.offset < ledger.next_offset and verdict.offset not in there:
                yield f"{ledger.name} ends at {ledger.next_offset} and lacks {at_offset(verdict)}"
                return
    for partition, verdicts in sorted(truth.verdicts.items()):
        ends = [ledger.next_offset for ledger in facts.ledgers if ledger.partition == partition]
        if verdicts and verdicts[-1].offset >= max(ends, default=0):
            yield f"partition {partition}: no ledger has {at_offset(verdicts[-1])}, the last one of the topic"
            return


def i6_ledgers_are_prefixes(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find two ledgers of one partition that differ where both have rows, or whose chains differ at one offset."""
    by_partition: dict[int, list[Ledger]] = defaultdict(list)
    for ledger in facts.ledgers:
        by_partition[ledger.partition].append(ledger)
    for ledgers in by_partition.values():
        longest = max(ledgers, key=lambda ledger: len(ledger.rows))
        chains = {mark.next_offset: mark.chain for mark in longest.marks if mark.chain}
        for ledger in ledgers:
            for row, other in zip(ledger.rows, longest.rows, strict=False):
                if row != other:
                    yield f"{ledger.name} has {row_text(row)} where replica {longest.replica} has {row_text(other)}"
                    return
            for mark in ledger.marks:
                if mark.chain and chains.get(mark.next_offset, mark.chain) != mark.chain:
                    yield f"{ledger.name} and replica {longest.replica} have different chains at {mark.next_offset}"
                    return


def i6_chains_are_true(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find MARKs whose chain is not the hash over the rows that the topic gives."""
    for ledger in facts.ledgers:
        chains = chains_at(truth.verdicts.get(ledger.partition, []), [mark.next_offset for mark in ledger.marks])
        for mark, chain in zip(ledger.marks, chains, strict=True):
            if mark.chain != chain:
                yield f"{ledger.name}: the chain at offset {mark.next_offset} is {mark.chain.hex()}, not {chain.hex()}"
                return


def i7_never_shorter(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find ledgers that end before what REST had shown as counted.

    A replica that was held, or is rebuilding a ledger, shows the witness of another replica if that is further: what it
    shows must then be in the ledger of the other one.
    """
    for shown in facts.watermarks:
        if not shown.source.startswith("rest"):
            continue
        _, _, replica = shown.source.partition("/")
        of_partition = [ledger for ledger in facts.ledgers if ledger.partition == shown.partition]
        if any(ledger.next_offset >= shown.next_offset for ledger in of_partition):
            continue
        for ledger in of_partition:
            if replica in ("", ledger.replica):
                yield f"{ledger.name} ends at {ledger.next_offset}; REST had shown {shown.next_offset}"
                return


def i8_no_gap_inside(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find blocks and segments that do not follow one another, and blocks whose CRC does not hold."""
    for ledger in facts.ledgers:
        if ledger.damage is not None:
            yield f"{ledger.name}: {ledger.damage}"
            return
        for mark in ledger.marks:
            inside = ledger.rows[mark.rows_before - 1].offset if mark.rows_before else -1
            if not mark.crc_holds:
                yield f"{ledger.name}: the block that ends at offset {mark.next_offset} does not match its CRC"
                return
            if inside >= mark.next_offset:
                yield f"{ledger.name}: the MARK at {mark.next_offset} comes after offset {inside}"
                return
        closings = {mark.rows_before: mark for mark in ledger.marks}
        for opening in ledger.openings[1:]:
            closing = closings.get(opening.rows_before)
            if closing is None or closing.next_offset != opening.next_offset or closing.chain != opening.chain:
                yield f"{ledger.name}: the segment that begins at {opening.next_offset} does not follow the one before"
                return


def _first_wrong_row(ledger: Ledger, truth: Truth) -> str | None:
    by_offset = {verdict.offset: verdict for verdict in truth.verdicts.get(ledger.partition, [])}
    for row in ledger.rows:
        verdict = by_offset.get(row.offset)
        if verdict is None:
            continue  # I3 reports it
        if row != verdict:
            return f"{ledger.name} has {row_text(row)}; by the topic it must be {row_text(verdict)}"
    return None
