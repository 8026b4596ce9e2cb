"""Lines of generated code, indented, with fresh names for temporaries; and how text becomes a comment or docstring."""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

LINE_LENGTH = 120


class Lines:
    """Collects lines of Python."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._indent = 0
        self._fresh = 0

    def add(self, line: str) -> None:
        """Append a line at the indentation in force."""
        self.lines.append("    " * self._indent + line if line else "")

    def suite(self, header: str, *body: str) -> None:
        """Append a header, such as ``if x:``, and the lines of its body."""
        self.add(header)
        self.lines += ["    " * (self._indent + 1) + line for line in body]

    @property
    def indentation(self) -> int:
        """How many levels deep the next line stands."""
        return self._indent

    def fresh(self, stem: str) -> str:
        """Return a local name that was not given before."""
        self._fresh += 1
        return f"{stem}{self._fresh}"

    @contextmanager
    def block(self) -> Iterator[None]:
        """Indent what is added within."""
        self._indent += 1
        yield
        self._indent -= 1


def snake(name: str) -> str:
    """Return ``AddRequest.Part`` as ``add_request_part``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).replace(".", "_").lower()


def docstring(text: str, indent: int) -> list[str]:
    """Return the lines of a docstring, wrapped, safe for any text; none for an empty one."""
    pad = "    " * indent
    clean = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    clean = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in clean)
    if not clean:
        return []
    wrapped = textwrap.wrap(clean, LINE_LENGTH - len(pad) - 8, break_long_words=False, break_on_hyphens=False)
    if len(wrapped) == 1:
        return [f'{pad}"""{wrapped[0]}"""']
    return [f'{pad}"""{wrapped[0]}', *(f"{pad}{line}" for line in wrapped[1:]), f'{pad}"""']
