"""The rules of Protobuf messages: ``buf.validate`` annotations as values.

What is simple is compiled to Python. A message with a rule beyond that, of its own or in a map of messages with rules,
is validated by the library protovalidate. The annotations are read with the descriptors that the contracts were
compiled with, in a pool of their own.
"""

import json
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from codegen.errors import ContractError
from codegen.proto import re2
from codegen.proto.validate import VALIDATE_FILE

_Field = descriptor_pb2.FieldDescriptorProto
_INTEGERS: Final = frozenset(
    ("int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64")
)
_LENGTHS: Final = {"len", "min_len", "max_len"}
_CHECKS: Final[dict[str, frozenset[str]]] = {
    "string": frozenset(_LENGTHS | {"min_bytes", "max_bytes", "pattern", "prefix", "suffix", "uuid"}),
    "bytes": frozenset(_LENGTHS),
    "repeated": frozenset(("min_items", "max_items", "items")),
    **{kind: frozenset(("gt", "gte", "lt", "lte")) for kind in _INTEGERS},
}
_WELL_KNOWN: Final = {
    **{f"google.protobuf.{name}Value": name.lower() for name in ("Bool", "Bytes", "Double", "Float", "String")},
    **{f"google.protobuf.{name}Value": name.lower() for name in ("Int32", "Int64", "UInt32", "UInt64")},
    "google.protobuf.Any": "any",
    "google.protobuf.Duration": "duration",
    "google.protobuf.FieldMask": "field_mask",
    "google.protobuf.Timestamp": "timestamp",
}
"""The messages that have rules of a type, and the name of that type's rules."""
_EXTENSIONS: Final = ("field", "message", "oneof")
_WORDS_MAX: Final = 120
_IF_ZERO_VALUE: Final = 1  # buf.validate.IGNORE_IF_ZERO_VALUE
TYPES: Final = {value: name.removeprefix("TYPE_").lower() for name, value in _Field.Type.items()}
"""The types of fields by number, as the names of their rules."""


@dataclass(frozen=True)
class Check:
    """One rule: ``string.max_len`` and its value."""

    rule_id: str
    value: Any


@dataclass(frozen=True)
class FieldRules:
    """A field and its rules. ``kind`` is its scalar type, ``message`` or ``enum``; ``message`` the type's full name."""

    name: str
    kind: str
    message: str | None
    repeated: bool
    presence: bool
    required: bool
    skip_empty: bool
    checks: tuple[Check, ...]
    items: tuple[Check, ...]
    beyond: tuple[str, ...] = ()
    """The rules that are not compiled, as they are written: ``string.email: true``."""
    is_map: bool = False
    """Then ``message`` is the type of its values."""
    line: int = 0
    """The line of its rules; 0 is not known."""

    @property
    def ruled(self) -> bool:
        """Tell whether the field has any rule of its own."""
        return self.required or bool(self.checks) or bool(self.items) or bool(self.beyond)


@dataclass(frozen=True)
class MessageRules:
    """A message with rules, its own or of messages in its fields. ``name`` is its full name without the package."""

    file: str
    full_name: str
    name: str
    fields: tuple[FieldRules, ...]
    beyond: tuple[str, ...] = ()
    """The rules on the message as a whole and on its oneofs, as they are written; none of them is compiled."""
    reason: str = ""
    """Why the library validates it, for a person; empty where all its rules are compiled."""
    line: int = 0
    """The line of that reason; 0 is not known."""


def message_rules(found: descriptor_pb2.FileDescriptorSet, own: Collection[str]) -> tuple[MessageRules, ...]:
    """Return the messages of ``own`` files that have rules, in the order of the files.

    Raises ContractError with file and line for an annotation that no validator could take.
    """
    if not any(file.name == VALIDATE_FILE for file in found.file):
        return ()
    reader = _RuleReader(found, own)
    read = [each for file in found.file if file.name != VALIDATE_FILE for each in reader.messages(file)]
    holds = {each.full_name: {field.message for field in each.fields} for each in read}
    ruled = {each.full_name for each in read if each.beyond or any(field.ruled for field in each.fields)}
    while more := {name for name, held in holds.items() if held & ruled} - ruled:
        ruled |= more  # a message that holds one with rules has rules too; the set is bounded by all messages
    foreign = ruled - {each.full_name for each in read if each.file in own}
    return tuple(_with_reason(each, ruled, foreign) for each in read if each.file in own and each.full_name in ruled)


def _with_reason(message: MessageRules, ruled: Set[str | None], foreign: Set[str | None]) -> MessageRules:
    """Return a message with the fields that matter, and why the library validates it, if it does."""
    fields = tuple(field for field in message.fields if field.ruled or field.message in ruled)
    reason, line = message.reason, message.line
    for field in fields:
        if not reason and (field.is_map or field.message in foreign) and field.message in ruled:
            what = "is a map of messages with rules" if field.is_map else "is a message of another package, with rules"
            reason, line = f"{field.name} {what}", field.line
    return replace(message, fields=fields, reason=reason, line=line)


class _RuleReader:
    """Reads options by the descriptors of the contracts, and knows each place in the sources."""

    def __init__(self, found: descriptor_pb2.FileDescriptorSet, own: Collection[str]) -> None:
        self._own = own
        pool = descriptor_pool.DescriptorPool()
        for file in found.file:
            pool.AddSerializedFile(file.SerializeToString())
        self._pool: Any = pool
        self._extensions = {name: self._pool.FindExtensionByName(f"buf.validate.{name}") for name in _EXTENSIONS}

    def messages(self, file: descriptor_pb2.FileDescriptorProto) -> Iterator[MessageRules]:
        """Yield every message of a file, nested ones included, with all its fields."""
        lines = _Lines(file)
        for i, message in enumerate(file.message_type):
            yield from self._nested(file, lines, message, message.name, (4, i))

    def _nested(
        self,
        file: descriptor_pb2.FileDescriptorProto,
        lines: "_Lines",
        message: descriptor_pb2.DescriptorProto,
        name: str,
        path: tuple[int, ...],
    ) -> Iterator[MessageRules]:
        full_name = f"{file.package}.{name}" if file.package else name
        beyond = [(said, (*path, 7)) for said in self._whole(message.options, "message")]
        for i, oneof in enumerate(message.oneof_decl):
            said = self._whole(oneof.options, "oneof")
            beyond += [(f"oneof {oneof.name}: {each}", (*path, 8, i, 2)) for each in said]
        fields = []
        for i, field in enumerate(message.field):
            place = _Place(file.name, lines, (*path, 2, i, 8), f"{full_name}.{field.name}", file.name in self._own)
            fields.append(self._field(full_name, field, place))
        reasons = [(said, lines.of(at)) for said, at in beyond]
        reasons += [(f"{field.name}: {field.beyond[0]}", field.line) for field in fields if field.beyond]
        reason, line = next(iter(reasons), ("", 0))
        whole = tuple(said for said, _ in beyond)
        yield MessageRules(file.name, full_name, name, tuple(fields), whole, reason, line)
        for i, each in enumerate(message.nested_type):
            if not each.options.map_entry:
                yield from self._nested(file, lines, each, f"{name}.{each.name}", (*path, 3, i))

    def _field(self, owner: str, field: _Field, place: "_Place") -> FieldRules:
        rules = self._extension(field.options, "field")
        descriptor = self._pool.FindMessageTypeByName(owner).fields_by_name[field.name]
        kind, is_map = TYPES[field.type], _is_map(descriptor)
        held = descriptor.message_type.fields_by_name["value"] if is_map else descriptor
        message = held.message_type.full_name if held.message_type is not None else None
        found = _Found([], [], [])
        if rules is not None:
            found = _read(
                place, rules, "map" if is_map else "repeated" if descriptor.is_repeated else kind, kind, message
            )
        return FieldRules(
            name=field.name,
            kind=kind,
            message=message,
            repeated=descriptor.is_repeated,
            presence=descriptor.has_presence,
            required=rules is not None and rules.required,
            skip_empty=rules is not None and (descriptor.has_presence or rules.ignore == _IF_ZERO_VALUE),
            checks=tuple(found.checks),
            items=tuple(found.items),
            beyond=tuple(found.beyond),
            is_map=is_map,
            line=place.line,
        )

    def _whole(self, options: Any, name: str) -> list[str]:
        """Return the rules in the options of a message or oneof, each as a text."""
        rules = self._extension(options, name)
        return [] if rules is None else [_written("", option, value) for option, value in rules.ListFields()]

    def _extension(self, options: Any, name: str) -> Any:
        """Return the value of ``(buf.validate.NAME)`` in the options of a field, message or oneof, or None."""
        if not options.ByteSize():
            return None
        extension = self._extensions[name]
        options_type = self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
        options_class: Any = message_factory.GetMessageClass(options_type)
        read = options_class.FromString(options.SerializeToString())
        return read.Extensions[extension] if read.HasExtension(extension) else None


@dataclass(frozen=True)
class _Place:
    """Where an annotation stands: the file below proto/, its place there, and what it annotates."""

    file: str
    lines: "_Lines"
    path: tuple[int, ...]
    what: str
    own: bool

    @property
    def line(self) -> int:
        """The line, 0 where it is not known."""
        return self.lines.of(self.path)

    def error(self, problem: str) -> ContractError:
        """Return the error for the annotation."""
        return ContractError(f"proto/{self.file}", self.what, problem, rule="buf-validate", line=self.line)


class _Found(NamedTuple):
    """The rules of a field or of its items: those that are compiled, and the words of those that are not."""

    checks: list[Check]
    items: list[Check]
    beyond: list[str]


def _read(place: _Place, rules: Any, expected: str, kind: str, message: str | None) -> _Found:
    """Return the rules of a field; ``expected`` is the kind whose rules fit it. Raises ContractError."""
    found = _Found([], [], [])
    fits = _WELL_KNOWN.get(message or "", expected) if expected in ("message", "group") else expected
    for option, value in rules.ListFields():
        if option.name == "required" or (option.name == "ignore" and value in (0, _IF_ZERO_VALUE)):
            continue
        if place.own and option.containing_oneof is not None and option.name != fits:
            raise place.error(f"{option.name} rules on a field of type {fits}")
        if option.name not in _CHECKS or option.name != expected:
            found.beyond.extend(_words_of(option, value))
            continue
        for rule, setting in value.ListFields():
            if rule.name == "items" and option.name == "repeated":
                _read_items(found, place, setting, kind, message)
            elif rule.is_extension or rule.name not in _CHECKS[option.name]:
                found.beyond.append(_written(f"{option.name}.", rule, setting))
            elif setting is not False:
                found.checks.append(Check(f"{option.name}.{rule.name}", setting))
    _sort_out(found.checks, found.beyond)
    return found


def _read_items(found: _Found, place: _Place, rules: Any, kind: str, message: str | None) -> None:
    inner = _read(place, rules, kind, kind, message)
    found.items.extend(inner.checks)
    found.beyond.extend(f"repeated.items.{said}" for said in inner.beyond)
    if rules.required or rules.ignore:
        found.beyond.append("repeated.items with required or ignore")


def _sort_out(checks: list[Check], beyond: list[str]) -> None:
    """Move to ``beyond`` a pattern outside the subset, and ranges that are inside out and mean what is outside."""
    ranges = [check for check in checks if check.rule_id.rpartition(".")[2] in ("gt", "gte", "lt", "lte")]
    lower = [check.value for check in ranges if ".gt" in check.rule_id]
    upper = [check.value for check in ranges if ".lt" in check.rule_id]
    moved = ranges if lower and upper and lower[0] >= upper[0] else []
    for check in checks:
        if check.rule_id == "string.pattern":
            try:
                re2.to_python(check.value)
            except re2.PatternError:
                moved = [*moved, check]
    beyond += [f"{check.rule_id}: {check.value!r}" for check in moved]
    checks[:] = [check for check in checks if check not in moved]


def _words_of(option: Any, value: Any) -> list[str]:
    """Return an option's rules as they are written, each rule of a type for itself."""
    if option.message_type is None or option.is_repeated or not option.message_type.full_name.endswith("Rules"):
        return [_written("", option, value)]
    return [_written(f"{option.name}.", rule, setting) for rule, setting in value.ListFields()] or [option.name]


def _written(prefix: str, option: Any, value: Any) -> str:
    """Return a rule as it is written, in a line, cut short when it is long."""
    name = f"[{option.full_name}]" if option.is_extension else option.name
    values = list(value) if option.is_repeated else [value]
    said = f"{prefix}{name}: {', '.join(map(_shown, values))}"
    return said if len(said) <= _WORDS_MAX else f"{said[:_WORDS_MAX]}…"


def _is_map(field: Any) -> bool:
    return bool(field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry)


def _shown(value: Any) -> str:
    if hasattr(value, "DESCRIPTOR"):
        return f"{{ {text_format.MessageToString(value, as_one_line=True, as_utf8=True)} }}"
    return str(value).lower() if isinstance(value, bool) else json.dumps(value, ensure_ascii=False, default=repr)


class _Lines:
    """The lines of what a file defines, by path; 0 for what is not known."""

    def __init__(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        self._file = file
        self._first: dict[tuple[int, ...], int] | None = None

    def of(self, path: tuple[int, ...]) -> int:
        """Return the first line at or below a path, else of what holds it."""
        if self._first is None:
            self._first = {}
            for location in self._file.source_code_info.location:
                whole = tuple(location.path)
                for i in range(len(whole) + 1):
                    line = location.span[0] + 1
                    self._first[whole[:i]] = min(line, self._first.get(whole[:i], line))
        return self._first.get(path) or self._first.get(path[:-1], 0)
