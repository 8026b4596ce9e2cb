"""What the compiled rules of the Protobuf files share: a violation, and how a value is shown."""

import re
from typing import Final, NamedTuple

UUID_PATTERN: Final = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
"""The text form of a UUID, as JSON Schema and RE2 write patterns."""
is_uuid = re.compile(UUID_PATTERN[1:-1], re.ASCII).fullmatch
_SHOWN_MAX: Final = 40


class Violation(NamedTuple):
    """A rule that a message breaks: ``additions[3].a``, ``string.pattern``, and the same for a person."""

    field: str
    rule_id: str
    message: str

    def below(self, path: str) -> "Violation":
        """Return the violation as the message that holds this one at ``path`` sees it."""
        return Violation(f"{path}.{self.field}", self.rule_id, self.message)


def shown(value: str | bytes | int) -> str:
    """Return a value for a message, cut short when it is long."""
    if isinstance(value, int):
        return str(value)
    return repr(value if len(value) <= _SHOWN_MAX else value[:_SHOWN_MAX]) + ("…" if len(value) > _SHOWN_MAX else "")
