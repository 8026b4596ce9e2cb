"""What the rules of the Protobuf files share: a violation, how a value is shown, and the call of protovalidate.

protovalidate is wanted only by messages that have a rule which is not compiled; it is imported by the first of them.
"""

import importlib
import json
import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

UUID_PATTERN: Final = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
"""The text form of a UUID, as JSON Schema and RE2 write patterns."""
is_uuid = re.compile(UUID_PATTERN[1:-1], re.ASCII).fullmatch
_SHOWN_MAX: Final = 40


class Violation(NamedTuple):
    """A rule that a message breaks: ``additions[3].a``, ``string.pattern``, and the same for a person.

    ``field`` is empty for a rule on the message as a whole; a map's value is ``prices["eur"]``.
    """

    field: str
    rule_id: str
    message: str

    def below(self, path: str) -> "Violation":
        """Return the violation as the message that holds this one at ``path`` sees it."""
        return Violation(f"{path}.{self.field}" if self.field else path, self.rule_id, self.message)


def shown(value: str | bytes | int) -> str:
    """Return a value for a message, cut short when it is long."""
    if isinstance(value, int):
        return str(value)
    return repr(value if len(value) <= _SHOWN_MAX else value[:_SHOWN_MAX]) + ("…" if len(value) > _SHOWN_MAX else "")


def by_protovalidate(message: Any) -> list[Violation]:
    """Return what protovalidate says of a message. Raises ModuleNotFoundError where it is not installed."""
    return [_of_library(found.proto) for found in _library(message.DESCRIPTOR.full_name).collect_violations(message)]


@lru_cache
def _library(message: str) -> Any:
    try:
        return importlib.import_module("protovalidate")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{message} has rules that need the package protovalidate ({error}); run: pip install 'protovalidate>=2'",
            name=error.name,
        ) from error


def _of_library(said: Any) -> Violation:
    path = (
        ".".join(f"{element.field_name}{_subscript(element)}" for element in said.field.elements) if said.field else ""
    )
    return Violation(path, said.rule_id, said.message or "is not valid")


def _subscript(element: Any) -> str:
    if hasattr(element, "WhichOneof"):  # protovalidate 1, which is made of google.protobuf's messages
        kind = element.WhichOneof("subscript")
        value = getattr(element, kind) if kind else None
    else:
        value = element.subscript.value if element.subscript is not None else None
    return "" if value is None else f"[{json.dumps(value, ensure_ascii=False)}]"
