"""The index of ids, against a dict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.ledger.state.id_index import IdIndex

Batch = list[tuple[int, int, int]]
"""(hi, lo, digest): small numbers, so that ids come again within and between batches."""

batches = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7), st.integers(0, 1)), max_size=30), max_size=8
)


def columns(batch: Batch, first: int) -> tuple[np.ndarray, ...]:
    hi, lo, digest = (np.array([row[k] for row in batch], np.uint64) for k in range(3))
    return hi, lo, np.arange(first, first + len(batch), dtype=np.int64), digest, digest ^ np.uint64(5)


def id_of(hi: int, lo: int) -> bytes:
    return hi.to_bytes(8, "big") + lo.to_bytes(8, "big")


@given(batches, st.integers(0, 2**64 - 1))
def test_the_index_answers_as_a_dict_would(batches: list[Batch], seed: int) -> None:
    """For any batches and seed the index answers as a dict does: new or known, same operands or not, first offset."""
    index, model, offset = IdIndex(seed), dict[tuple[int, int], tuple[int, int]](), 0
    for batch in batches:
        is_new, same, first = index.lookup_or_insert(*columns(batch, offset))
        for k, (hi, lo, digest) in enumerate(batch):
            known = model.get((hi, lo))
            assert is_new[k] == (known is None)
            at, had = known or (offset + k, digest)
            assert (first[k], same[k]) == (at, had == digest)
            model.setdefault((hi, lo), (offset + k, digest))
        offset += len(batch)
    assert len(index) == len(model)
    for hi in range(4):
        for lo in range(8):
            assert index.find(id_of(hi, lo)) == model.get((hi, lo), (None,))[0]


def test_every_id_is_found_after_the_tables_grew() -> None:
    """Sixty thousand ids are each new once and then found at their first offset, though the tables grow meanwhile."""
    index, rng = IdIndex(3), np.random.default_rng(11)
    hi, lo = rng.integers(0, 2**64, (2, 60_000), dtype=np.uint64)
    offsets = np.arange(60_000)
    for start in range(0, 60_000, 7_000):
        part = slice(start, start + 7_000)
        is_new, _, _ = index.lookup_or_insert(hi[part], lo[part], offsets[part], hi[part], lo[part])
        assert is_new.all()
    is_new, same, first = index.lookup_or_insert(hi, lo, offsets + 100_000, hi, lo)
    assert not is_new.any()
    assert same.all()
    assert (first == offsets).all()
    assert index.find(id_of(int(hi[59_999]), int(lo[59_999]))) == 59_999
    assert len(index) == 60_000


def test_ids_of_one_hash_slot_are_told_apart() -> None:
    """Ids that differ in one half only are each found at their offset, also where many share a slot."""
    index = IdIndex(0)
    lo = np.arange(2_000, dtype=np.uint64)
    hi = np.zeros(2_000, np.uint64)
    index.lookup_or_insert(hi, lo, np.arange(2_000), lo, lo)
    assert [index.find(id_of(0, n)) for n in range(2_000)] == list(range(2_000))
    assert index.find(id_of(1, 5)) is None


def test_a_probe_changes_nothing() -> None:
    """Asking for an id inserts nothing, so the same id is new every time."""
    index = IdIndex()
    one = np.array([1], np.uint64)
    for _ in range(2):
        assert index.probe(one, one, np.array([0]), one, one).is_new.all()
    assert len(index) == 0


def test_the_memory_is_bounded_by_what_the_design_says() -> None:
    """An id takes 56 to 92 bytes: 40 for its entry with up to half as much in reserve, and 16 to 32 for its slots."""
    index, rng = IdIndex(), np.random.default_rng(1)
    for start in range(0, 200_000, 5_000):
        hi, lo = rng.integers(0, 2**64, (2, 5_000), dtype=np.uint64)
        index.lookup_or_insert(hi, lo, np.arange(start, start + 5_000), hi, lo)
        if start > 20_000:
            used_bytes = sum(array.nbytes for array in vars(index._tables).values())
            assert 56 <= used_bytes / len(index) <= 40 * 1.5 + 32


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_the_watermark_is_that_of_the_last_insertion(seed: int) -> None:
    """The index tells the next offset and chain of its last insertion, so that it can be checked against the ledger."""
    index = IdIndex(seed)
    assert index.watermark == (0, bytes(16))
    one = np.array([1], np.uint64)
    probe = index.probe(one, one, np.array([4]), one, one)
    from tally.ledger.state.id_index import Additions

    assert probe.is_new.all()
    index.insert(Additions(one, one, np.array([4]), one, one), (5, b"c" * 16))
    assert index.watermark == (5, b"c" * 16)
