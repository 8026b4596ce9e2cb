"""Regular expressions of contracts (RE2's) as Python's, where both surely mean the same.

RE2 runs in linear time and knows no backtracking; Python's engine backtracks. So what is taken here is a part of RE2's
language in which every construct means the same in both, and in which no text can make Python slow: outside of it the
contract is refused, not guessed.
"""

import re
from typing import Final

SUPPORTED: Final = (
    r"literals, ., [a-z] and [^a-z], \d \w \D \W, ^ at the start, $ at the end, |, ( ) and (?: ), "
    "and ? * + {n} {n,} {n,m}"
)
_REPEATS_MAX: Final = 1000  # RE2's own
_META: Final = frozenset(r"\.+*?()|[]{}^$")
_CLASSES: Final = frozenset("dDwW")
_COUNT = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")


class PatternError(ValueError):
    """The pattern is not RE2's, or outside of what is taken; the message tells where and what."""


def to_python(pattern: str) -> str:
    """Return a pattern for ``re.compile(..., re.ASCII).search`` that finds what RE2 finds. Raises PatternError."""
    body, head, tail = pattern, "", ""
    if body.startswith("^"):
        body, head = body[1:], r"\A"
    if body.endswith("$") and (len(body) - len(body[:-1].rstrip("\\"))) % 2:
        body, tail = body[:-1], r"\Z"
    reader = _PatternReader(pattern, body, len(pattern) - len(pattern.removeprefix("^")))
    text = reader.alternation()
    if reader.at < len(body):
        raise reader.error("a ) without its (")
    if reader.unbounded and not head:
        raise PatternError(f"{pattern!r}: * + {{n,}} are taken only after ^, where they cannot make the search slow")
    try:
        re.compile(text, re.ASCII)
    except re.error as error:
        raise PatternError(f"{pattern!r}: {error}") from error
    if reader.branched and (head or tail):
        raise PatternError(f"{pattern!r}: | beside ^ or $ binds them to one side only; put ( ) around it")
    return f"{head}{text}{tail}"


class _PatternReader:
    """Reads the pattern once from left to right. ``at`` is the place in ``body``, ``before`` what was cut before it."""

    def __init__(self, pattern: str, body: str, before: int) -> None:
        self._pattern = pattern
        self._body = body
        self._before = before
        self.at = 0
        self.unbounded = False
        self.branched = False
        self._depth = 0

    def error(self, problem: str) -> PatternError:
        """Return the error for the place that was reached."""
        return PatternError(f"{self._pattern!r}: character {self.at + self._before}: {problem}; taken are {SUPPORTED}")

    def alternation(self) -> str:
        """Read branches up to the end or a closing bracket."""
        branches = [self._branch()]
        while self._peek() == "|":
            self.at += 1
            self.branched = self.branched or self._depth == 0
            branches.append(self._branch())
        return "|".join(branches)

    def _branch(self) -> str:
        parts = []
        while (character := self._peek()) not in ("", "|", ")"):
            before = self.at
            atom, fixed = self._atom(character)
            parts.append(atom + self._quantifier(fixed=fixed))
            assert self.at > before, "each turn reads something"
        return "".join(parts)

    def _atom(self, character: str) -> tuple[str, bool]:
        """Return the text of one item, and whether all that it matches is of one shape: only that may be repeated."""
        if character == "(":
            return self._group()
        if character == "[":
            return self._class(), True
        if character == "\\":
            return self._escape(), True
        if character == ".":
            self.at += 1
            return ".", True
        if character in _META:
            raise self.error(f"{character} here")
        self.at += 1
        return re.escape(character), True

    def _group(self) -> tuple[str, bool]:
        self.at += 1
        if self._body.startswith("?:", self.at):
            self.at += 2
        elif self._peek() == "?":
            raise self.error("a group with a flag or a name")
        start = self.at
        self._depth += 1
        if self._depth > 20:
            raise self.error("groups more than 20 deep")
        inner = self.alternation()
        if self._peek() != ")":
            raise self.error("a ( without its )")
        self._depth -= 1
        varying = re.search(r"[?*+|]|\{[0-9]+,", re.sub(r"\\.|\[(?:\\.|[^\]])*\]", "x", self._body[start : self.at]))
        self.at += 1
        return f"(?:{inner})", varying is None

    def _class(self) -> str:
        end = re.compile(r"\[\^?((?:[A-Za-z0-9_ .,:;/+*?$%&@#!=<>()|{}'\"~-]|\\[-\\\]\[^.dDwW])+)\]").match(
            self._body, self.at
        )
        if end is None or "--" in end[1] or "&&" in end[1] or "||" in end[1] or "~~" in end[1]:
            raise self.error("a class of characters other than plain ASCII")
        self.at = end.end()
        return end[0]

    def _escape(self) -> str:
        following = self._body[self.at + 1 : self.at + 2]
        if following not in _META | _CLASSES | {"-", "/"} or not following:
            raise self.error(f"\\{following}")
        self.at += 2
        return "\\" + following

    def _quantifier(self, *, fixed: bool) -> str:
        character = self._peek()
        if character not in ("?", "*", "+", "{"):
            return ""
        low, high, text = self._bounds(character)
        if self._peek() in ("?", "*", "+", "{"):
            raise self.error("a repetition of a repetition, or a lazy one")
        if (high is None or high > 1) and not fixed:
            raise self.error("a repetition of a group whose length varies")
        if high is None:
            if self.unbounded:
                raise self.error("a second unbounded repetition")
            self.unbounded = True
        elif high < low or high > _REPEATS_MAX:
            raise self.error(f"a repetition of {low} to {high} times")
        return text

    def _bounds(self, character: str) -> tuple[int, int | None, str]:
        if character != "{":
            self.at += 1
            return (0 if character in "?*" else 1), (1 if character == "?" else None), character
        count = _COUNT.match(self._body, self.at)
        if count is None:
            raise self.error("{ that opens no repetition")
        self.at = count.end()
        low = int(count[1])
        if low > _REPEATS_MAX:
            raise self.error(f"a repetition of {low} times")
        return low, (low if count[2] is None else int(count[3]) if count[3] else None), count[0]

    def _peek(self) -> str:
        return self._body[self.at : self.at + 1]
