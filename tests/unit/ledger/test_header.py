"""Headers of segments."""

import zlib
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tally.ledger.format.header import BadHeader, Header, OtherFormat, decode_header, encode_header
from tally.ledger.format.mark import mark_of
from tally.ledger.state.fold import LedgerState
from tally.ledger.state.id_index import IdIndex
from tests_support.ledger.records import IDENTITY, Record, folded
from tests_support.ledger.strategies import topics

SYNC = bytes(range(16))
SCHEMAS = {7: "a" * 64, 12: "b" * 64}


@given(topics(max_size=6), st.text(max_size=20))
def test_a_header_reads_back_as_it_was_written(records: list[Record], topic_id: str) -> None:
    """A header of any state and topic id decodes to the same identity, schemas, mark, chain and length."""
    state = folded(LedgerState.empty(), IdIndex(), records).state
    identity = replace(IDENTITY, topic_id=topic_id)
    data = encode_header(identity, SCHEMAS, state, SYNC)
    assert decode_header(data + b"what comes after") == Header(
        identity, SCHEMAS, mark_of(state), state.chain.closed, SYNC, len(data)
    )


def test_a_flipped_bit_anywhere_in_a_header_is_noticed() -> None:
    """A header with a flipped bit in any of its bytes decodes as bad."""
    data = encode_header(IDENTITY, SCHEMAS, LedgerState.empty(), SYNC)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        assert isinstance(decode_header(bytes(damaged)), BadHeader), at


def test_every_prefix_of_a_header_is_bad() -> None:
    """A header cut at any byte decodes as bad."""
    data = encode_header(IDENTITY, SCHEMAS, LedgerState.empty(), SYNC)
    for length in range(len(data)):
        assert isinstance(decode_header(data[:length]), BadHeader), length


def test_a_header_of_a_later_format_is_told_apart_from_damage() -> None:
    """A sound header with an unknown format version decodes as another format, and not as damage."""
    data = bytearray(encode_header(IDENTITY, SCHEMAS, LedgerState.empty(), SYNC))
    at = data.index(b"tally.format_version") + len(b"tally.format_version") + 1
    data[at] = ord("9")
    crc_at = len(data) - 17 - 8
    data[crc_at : crc_at + 8] = b"0" * 8
    data[crc_at : crc_at + 8] = f"{zlib.crc32(data):08x}".encode()
    assert isinstance(decode_header(bytes(data)), OtherFormat)


@given(st.binary(max_size=300))
def test_garbage_is_a_bad_header_and_never_an_error(data: bytes) -> None:
    """Arbitrary bytes, also behind Avro's magic, decode as a bad header, and nothing is raised."""
    assert isinstance(decode_header(data), BadHeader)
    assert isinstance(decode_header(b"Obj\x01" + data), BadHeader)
