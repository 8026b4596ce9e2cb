"""Random changes of a message's bytes, drawn from a seed."""

import random

_ODD = (
    b"\x00",
    b"\xff",
    b"\x80" * 10,
    b"\xff" * 9 + b"\x01",
    b"\x0a\x00",
    b"\x0b",
    b"\x0c",
    b"\x0a\xff\xff\xff\xff\x07",
)
"""What readers of Protobuf stumble over: endless and largest varints, groups, lengths beyond the end."""


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return ``data`` with one to four changes."""
    for _ in range(rng.randint(1, 4)):
        data = _changed(data, rng)
    return data


def _changed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    end = min(len(data), at + rng.randint(1, 8))
    match rng.randrange(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + data[end:]
        case 2:
            return data[:at] + rng.randbytes(end - at) + data[end:]
        case 3:
            return data[:at] + rng.choice(_ODD) + data[at:]
        case 4:
            return data[:end] + data[at:]
        case _:
            return data[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[at:end]) + data[end:]
