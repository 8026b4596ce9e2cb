"""What the demonstration shows: numbered steps, and a table of checks at the end."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true: what was expected and what was found."""

    what: str
    expected: str
    found: str
    holds: bool

    @classmethod
    def equal(cls, what: str, expected: object, found: object) -> "Check":
        """Return a check that two values are equal."""
        return cls(what, _text(expected), _text(found), expected == found)

    @classmethod
    def at_least(cls, what: str, expected: int, found: int) -> "Check":
        """Return a check that a number is not smaller."""
        return cls(what, f"at least {_text(expected)}", _text(found), found >= expected)


class Screen:
    """Prints to standard output, every line at once."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._step = 0
        self._began_s = time.monotonic()

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._step += 1
        elapsed_s = time.monotonic() - self._began_s
        print(f"\n[{self._step}/{self._steps}] {title}  ({elapsed_s:.0f} s)", flush=True)

    def say(self, text: str) -> None:
        """Tell something within a step."""
        for line in text.splitlines():
            print(f"      {line}", flush=True)

    def verdict(self, checks: Sequence[Check]) -> bool:
        """Print the checks and return whether all hold."""
        columns = [("", "expected", "found"), *((check.what, check.expected, check.found) for check in checks)]
        widths = [max(len(row[i]) for row in columns) for i in range(3)]
        print()
        for row, mark in zip(columns, ["", *("ok" if check.holds else "WRONG" for check in checks)], strict=True):
            print(f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {mark}".rstrip())
        wrong = [check.what for check in checks if not check.holds]
        elapsed_s = time.monotonic() - self._began_s
        if wrong:
            print(f"\nFAILED: {'; '.join(wrong)}  ({elapsed_s:.0f} s)", file=sys.stderr, flush=True)
        else:
            print(f"\nAll {len(checks)} checks hold: nothing was lost, nothing was counted twice.  ({elapsed_s:.0f} s)")
        return not wrong


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        text = f"{value:,f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:,}" if isinstance(value, int) else str(value)
