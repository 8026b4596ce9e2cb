"""Blocks: what is written is what is read, and nothing damaged is read."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.event.codes import COUNTED
from tally.event.rows import ROWS_DTYPE, no_rows
from tally.ledger.format.block import BadBlock, Block, block_bytes, decode_block, encode_block
from tally.ledger.format.check import check_block
from tally.ledger.format.mark import decode_mark, encode_mark, mark_of
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState
from tally.ledger.state.id_index import IdIndex
from tests_support.ledger.records import Record, addition, folded, plain
from tests_support.ledger.strategies import topics

SYNC = bytes(range(16))
int64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([s * 2**k for k in range(63) for s in (1, -1)]))


@given(topics())
def test_a_block_reads_back_as_it_was_written(records: list[Record]) -> None:
    """A block of any records decodes to the same rows and mark, and its check leads to the state after the fold."""
    outcome = folded(LedgerState.empty(), IdIndex(), records)
    data = encode_block(outcome.rows, mark_of(outcome.state), SYNC)
    block = decode_block(data, SYNC)
    assert isinstance(block, Block)
    assert block_bytes(data[:20]) == len(data)
    assert plain(block.rows) == plain(outcome.rows)
    assert block.mark == mark_of(outcome.state)
    if records:
        assert check_block(LedgerState.empty(), block) == outcome.state


@given(st.lists(st.tuples(int64, int64), min_size=1, max_size=60))
def test_rows_of_any_widths_in_any_order_read_back(pairs: list[tuple[int, int]]) -> None:
    """Rows decode as they were encoded, whatever widths their offsets and times have and in whatever order."""
    rows = no_rows(len(pairs))
    rows["offset"], rows["timestamp_us"] = zip(*pairs, strict=True)
    block = decode_block(encode_block(rows, mark_of(LedgerState.empty()), SYNC), SYNC)
    assert isinstance(block, Block)
    assert plain(block.rows) == plain(rows)


def test_a_flipped_bit_anywhere_in_a_block_is_noticed() -> None:
    """A block with a flipped low or high bit in any of its bytes decodes as bad."""
    data, _ = small_block()
    for at in range(len(data)):
        for bit in (1, 0x80):
            damaged = bytearray(data)
            damaged[at] ^= bit
            assert isinstance(decode_block(bytes(damaged), SYNC), BadBlock), at


def test_every_prefix_of_a_block_is_bad_and_says_so() -> None:
    """A block cut at any byte decodes as bad, with a reason."""
    data, _ = small_block()
    for length in range(len(data)):
        bad = decode_block(data[:length], SYNC)
        assert isinstance(bad, BadBlock)
        assert bad.what


def test_a_block_of_another_file_is_bad() -> None:
    """A block with the sync marker of another file decodes as bad."""
    assert isinstance(decode_block(small_block()[0], bytes(16)), BadBlock)


@given(st.binary(max_size=200))
def test_garbage_is_a_bad_block_and_never_an_error(data: bytes) -> None:
    """Arbitrary bytes decode as a bad block, and nothing is raised."""
    assert isinstance(decode_block(data, SYNC), BadBlock)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"next_offset": 9}, "next_offset"),
        ({"counted": 7}, "counted"),
        ({"duplicates": 7}, "duplicates"),
        ({"conflicts": 7}, "conflicts"),
        ({"poison": 7}, "poison"),
        ({"total": 7}, "total"),
        ({"chain": bytes(16)}, "chain"),
        ({"last_timestamp_us": 0}, "last_timestamp_us"),
    ],
)
def test_a_mark_that_its_rows_do_not_give_is_named(change: dict[str, Any], word: str) -> None:
    """A block whose mark does not follow from its rows fails its check, which names the wrong field."""
    _, block = small_block()
    mark = block.mark
    is_count = hasattr(mark.counts, word)
    mark = replace(mark, counts=replace(mark.counts, **change)) if is_count else replace(mark, **change)
    wrong = replace(block, mark=mark)
    said = check_block(LedgerState.empty(), wrong)
    assert isinstance(said, str)
    assert word in said


@pytest.mark.parametrize("name", [name for name in ROWS_DTYPE.names or () if name != "timestamp_us"])
def test_a_changed_value_of_a_row_is_noticed_with_a_right_crc(name: str) -> None:
    """A changed value in any column but the time fails the check of the block, even where its CRC is right."""
    _, block = small_block()
    for k in range(len(block.rows)):
        rows = block.rows.copy()
        rows[name][k] ^= 1
        assert isinstance(check_block(LedgerState.empty(), Block(rows, block.mark)), str), (name, k)


def test_totals_beyond_128_bits_survive_a_mark() -> None:
    """A total of any size and sign is read from a mark as it was written."""
    for total in (10**60 + 1, -(10**60) - 5, 10**9, -1):
        mark = replace(mark_of(LedgerState.empty()), counts=Counts(total=total))
        assert decode_mark(encode_mark(mark)) == mark


def small_block() -> tuple[bytes, Block]:
    records = [addition(0, 1), addition(1, 1), addition(3, 1, a=9), Record(4, 1, None, b"junk"), addition(70, 2)]
    outcome = folded(LedgerState.empty(), IdIndex(), records)
    assert outcome.rows["kind"][0] == COUNTED
    return encode_block(outcome.rows, mark_of(outcome.state), SYNC), Block(outcome.rows, mark_of(outcome.state))
