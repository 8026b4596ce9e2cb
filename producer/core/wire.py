"""What the bytes of a request tell before they are parsed.

A parsed message can take a hundred times the memory of its bytes: two bytes are an addition without fields. So what a
request may hold is counted on the wire.
"""

from typing import Final

_NUMBER, _EIGHT_BYTES, _LENGTH, _GROUP, _END_OF_GROUP, _FOUR_BYTES = range(6)
_MORE: Final = 0x80
"""The bit of a varint's byte that says: another one follows."""
_OTHERS_MAX: Final = 1_000
"""Fields beside the counted ones that are looked at; no version of a contract has as many."""


def exceeds(data: bytes, field: int, most: int) -> bool:
    """Tell whether a message has a field of its own, 1 to 15, a text or a message, more often than ``most``.

    A message with a thousand fields more than that counts as one. Bytes that are no message are left to the parser.
    """
    tag = field << 3 | _LENGTH
    # Each begins with its tag, in the usual form or in a longer one: a look at all bytes settles it for most requests.
    if data.count(tag) + data.count(tag | _MORE) <= most:
        return False
    try:
        return _counted(data, tag, most) > most
    except IndexError:  # it ends within a field
        return False


def _counted(data: bytes, tag: int, most: int) -> int:
    """Return how often a tag occurs outside of groups; stops at the first one too many. Raises IndexError."""
    at = seen = others = depth = 0
    while at < len(data) and seen <= most:
        if data[at] == tag and data[at + 1] < _MORE and not depth:  # the usual one, in a third of the time
            at += 2 + data[at + 1]
            seen += 1
            continue
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _LENGTH:
            size, at = _varint(data, at)
            at += size
            if key == tag and not depth:
                seen += 1
                continue
        elif kind == _NUMBER:
            _, at = _varint(data, at)
        elif kind in (_FOUR_BYTES, _EIGHT_BYTES):
            at += 4 if kind == _FOUR_BYTES else 8
        elif kind in (_GROUP, _END_OF_GROUP):
            depth += 1 if kind == _GROUP else -1
        else:
            break
        others += 1
        if others > _OTHERS_MAX:
            return most + 1
    return seen


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (unsigned integer, position after it). Raises IndexError."""
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
        shift += 7
