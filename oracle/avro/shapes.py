"""Steps over values that nobody asked for: each type has a shape, and shapes are stepped over in a loop.

Why the loop ends, after steps in proportion to the bytes and the schema:

* A shape of constant width is a number of bytes; any count of them is one step. At the end of the bytes it takes none.
* Every other shape has a varint in it, which takes a byte or raises. Widths in a row are one width, and a record with
  nothing but one other shape is that shape, so that no long way leads to such a byte again and again.
* A record that holds itself with neither union, array nor map between has no end. It begins twice while no byte is
  taken, and that raises.

What is left to do is kept as one place for each record and array that is open, each of which has taken a byte.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from oracle.avro.body import Body, UndecodableError, picked

NUMBER, TEXT, NEVER = "a varint", "a length and as many bytes", "no value at all"


@dataclass(eq=False, slots=True)
class Series:
    """Shapes one after the other: a record, or a key and a value of a map."""

    parts: "Sequence[Shape]"


@dataclass(eq=False, slots=True)
class Choice:
    """A union: the number of a branch, and that branch."""

    branches: "Sequence[Shape]"


@dataclass(eq=False, slots=True)
class Blocks:
    """An array or map: a count and as many items, again and again, until a count is 0."""

    item: "Shape"


Shape: TypeAlias = int | str | Series | Choice | Blocks
"""An ``int`` is a width in bytes, a ``str`` one of NUMBER, TEXT and NEVER."""

Place: TypeAlias = tuple[Sequence[Shape], int, int]
"""Shapes in a row, which of them is next, and how often the row still comes."""


def joined(parts: Iterable[Shape]) -> list[Shape]:
    """Return shapes in a row, with neighbours of constant width as one, and without those of no width."""
    row: list[Shape] = []
    for part in parts:
        if isinstance(part, int) and row and isinstance(row[-1], int):
            row[-1] += part
        elif part != 0:
            row.append(part)
    return row


def step_over(shape: Shape, body: Body) -> None:
    """Read a value, and forget it. Raises UndecodableError."""
    begun: set[int] = set()  # the records that began since the last byte was taken
    left: list[Place] = [([shape], 0, 1)]  # what is left to do, the next last
    while left:
        row, place, times = left.pop()
        if place + 1 < len(row):
            left.append((row, place + 1, times))
        elif times > 1:
            left.append((row, 0, times - 1))
        before = body.at
        left += _begin(row[place], body, begun)
        if body.at > before:
            begun.clear()


def _begin(shape: Shape, body: Body, begun: set[int]) -> list[Place]:
    """Read the beginning of a value; return what is left of it, the next last."""
    match shape:
        case int():
            body.take(shape)
        case Series():
            if id(shape) in begun:
                raise UndecodableError("a record within itself has no end")
            begun.add(id(shape))
            return [(shape.parts, 0, 1)]
        case Choice():
            return [([picked(shape.branches, body.number())], 0, 1)]
        case Blocks():
            return _block(shape, body)
        case _ if shape == NUMBER:
            body.number()
        case _ if shape == TEXT:
            body.take(body.number())
        case _:
            raise UndecodableError("no value has this type")
    return []


def _block(blocks: Blocks, body: Body) -> list[Place]:
    count = body.number()
    if count == 0:
        return []
    again: Place = ([blocks], 0, 1)
    if count < 0:  # all items may be stepped over at once: their bytes are counted
        body.take(body.number())
    elif isinstance(blocks.item, int):
        body.take(blocks.item * count)
    else:
        return [again, ([blocks.item], 0, count)]
    return [again]
