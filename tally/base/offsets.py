"""Offsets of records that are read again, one after the other."""

from collections.abc import Iterable, Iterator


def runs(offsets: Iterable[int], gap_max: int) -> Iterator[list[int]]:
    """Split increasing offsets where more than ``gap_max`` lie between two: there asking again costs less."""
    run: list[int] = []
    for offset in offsets:
        if run and offset > run[-1] + gap_max:
            yield run
            run = []
        run.append(offset)
    if run:
        yield run
