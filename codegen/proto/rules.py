"""The rules of Protobuf messages: ``buf.validate`` annotations as values, or an error for one outside the subset.

The annotations are read with the descriptors that the contracts were compiled with, in a pool of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

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
SUPPORTED: Final = (
    "required; ignore: IGNORE_IF_ZERO_VALUE; "
    f"string.{{{', '.join(sorted(_CHECKS['string']))}}}; bytes.{{{', '.join(sorted(_LENGTHS))}}}; "
    "repeated.{min_items, max_items, items of these}; and gt, gte, lt, lte of every integer type"
)
_IF_ZERO_VALUE: Final = 1  # buf.validate.IGNORE_IF_ZERO_VALUE
_TYPES: Final = {value: name.removeprefix("TYPE_").lower() for name, value in _Field.Type.items()}


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

    @property
    def ruled(self) -> bool:
        """Tell whether the field has any rule of its own."""
        return self.required or bool(self.checks) or bool(self.items)


@dataclass(frozen=True)
class MessageRules:
    """A message with rules, its own or of messages in its fields. ``name`` is its full name without the package."""

    file: str
    full_name: str
    name: str
    fields: tuple[FieldRules, ...]


def message_rules(found: descriptor_pb2.FileDescriptorSet, own: list[str]) -> tuple[MessageRules, ...]:
    """Return the messages of ``own`` files that have rules, in the order of the files.

    Raises ContractError with file and line for an annotation that cannot be compiled.
    """
    if not any(VALIDATE_FILE in file.dependency for file in found.file):
        return ()
    reader = _RuleReader(found)
    messages = [each for file in found.file if file.name in own for each in reader.messages(file)]
    ruled = {each.full_name for each in messages if any(field.ruled for field in each.fields)}
    while True:  # a message that holds one with rules has rules too; the set only grows and is bounded by all messages
        more = {each.full_name for each in messages if any(field.message in ruled for field in each.fields)} - ruled
        if not more:
            break
        ruled |= more
    reader.refuse_maps_of(ruled)
    return tuple(
        MessageRules(
            each.file,
            each.full_name,
            each.name,
            tuple(field for field in each.fields if field.ruled or field.message in ruled),
        )
        for each in messages
        if each.full_name in ruled
    )


class _RuleReader:
    """Reads options by the descriptors of the contracts, and knows each place in the sources."""

    def __init__(self, found: descriptor_pb2.FileDescriptorSet) -> None:
        pool = descriptor_pool.DescriptorPool()
        for file in found.file:
            pool.AddSerializedFile(file.SerializeToString())
        self._pool: Any = pool
        self._maps: list[tuple[str, _Place]] = []

    def messages(self, file: descriptor_pb2.FileDescriptorProto) -> Iterator[MessageRules]:
        """Yield every message of a file, nested ones included, with all its fields."""
        for i, message in enumerate(file.message_type):
            yield from self._nested(file, message, message.name, [4, i])

    def _nested(
        self,
        file: descriptor_pb2.FileDescriptorProto,
        message: descriptor_pb2.DescriptorProto,
        name: str,
        path: list[int],
    ) -> Iterator[MessageRules]:
        full_name = f"{file.package}.{name}" if file.package else name
        self._refuse_options(_Place(file.name, _line(file, [*path, 7]), full_name), message.options, "message")
        for i, oneof in enumerate(message.oneof_decl):
            place = _Place(file.name, _line(file, [*path, 8, i, 2]), f"{full_name}.{oneof.name}")
            self._refuse_options(place, oneof.options, "oneof")
        fields = [self._field(file, full_name, field, [*path, 2, i]) for i, field in enumerate(message.field)]
        yield MessageRules(file.name, full_name, name, tuple(fields))
        for i, each in enumerate(message.nested_type):
            if not each.options.map_entry:
                yield from self._nested(file, each, f"{name}.{each.name}", [*path, 3, i])

    def _field(
        self, file: descriptor_pb2.FileDescriptorProto, owner: str, field: _Field, path: list[int]
    ) -> FieldRules:
        place = _Place(file.name, _line(file, [*path, 8]), f"{owner}.{field.name}")
        self._refuse_options(place, field.options, "predefined")
        rules = self._extension(field.options, "field")
        descriptor = self._pool.FindMessageTypeByName(owner).fields_by_name[field.name]
        kind, is_map = _TYPES[field.type], _is_map(descriptor)
        checks: tuple[Check, ...] = ()
        items: tuple[Check, ...] = ()
        if rules is not None:
            if is_map:
                raise place.unsupported("a rule on a map")
            checks, items = _compiled(place, rules, "repeated" if descriptor.is_repeated else kind, kind)
        message = descriptor.message_type.full_name if descriptor.message_type is not None and not is_map else None
        if is_map and (value := descriptor.message_type.fields_by_name["value"].message_type) is not None:
            self._maps.append((value.full_name, place))
        return FieldRules(
            name=field.name,
            kind=kind,
            message=message,
            repeated=descriptor.is_repeated,
            presence=descriptor.has_presence,
            required=rules is not None and rules.required,
            skip_empty=rules is not None and (descriptor.has_presence or rules.ignore == _IF_ZERO_VALUE),
            checks=checks,
            items=items,
        )

    def refuse_maps_of(self, ruled: set[str]) -> None:
        """Raise ContractError when a map holds messages that have rules."""
        for message, place in self._maps:
            if message in ruled:
                raise place.unsupported("a map of messages with rules")

    def _extension(self, options: Any, name: str) -> Any:
        """Return the value of ``(buf.validate.NAME)`` in the options of a field, message or oneof, or None."""
        extension = self._pool.FindExtensionByName(f"buf.validate.{name}")
        options_type = self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
        options_class: Any = message_factory.GetMessageClass(options_type)
        read = options_class.FromString(options.SerializeToString())
        return read.Extensions[extension] if read.HasExtension(extension) else None

    def _refuse_options(self, place: "_Place", options: Any, name: str) -> None:
        rules = self._extension(options, name)
        if rules is not None:
            listed = ", ".join(field.name for field, _ in rules.ListFields())
            raise place.unsupported(f"(buf.validate.{name}).{listed}")


@dataclass(frozen=True)
class _Place:
    """Where an annotation stands: the file below proto/, its line, and what it annotates."""

    file: str
    line: int
    what: str

    def error(self, problem: str) -> ContractError:
        return ContractError(f"proto/{self.file}", self.what, problem, rule="buf-validate", line=self.line)

    def unsupported(self, rule: str) -> ContractError:
        return self.error(f"{rule} is not compiled to Python; supported are {SUPPORTED}")


def _compiled(place: _Place, rules: Any, expected: str, kind: str) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """Return the checks of a field and of its items; ``expected`` is the kind that fits. Raises ContractError."""
    checks: list[Check] = []
    items: tuple[Check, ...] = ()
    for option, value in rules.ListFields():
        if option.name == "required" or (option.name == "ignore" and value in (0, _IF_ZERO_VALUE)):
            continue
        if option.name not in _CHECKS:
            raise place.unsupported(option.name)
        if option.name != expected:
            raise place.error(f"{option.name} rules on a field of type {expected}")
        for rule, setting in value.ListFields():
            rule_id = f"{option.name}.{rule.name}"
            if rule.name not in _CHECKS[option.name]:
                raise place.unsupported(rule_id)
            if rule.name == "items":
                if setting.required or setting.ignore:
                    raise place.unsupported("repeated.items with required or ignore")
                items, _ = _compiled(place, setting, kind, kind)
            elif setting is not False:
                checks.append(Check(rule_id, setting))
    _refuse_slips(place, checks)
    return tuple(checks), items


def _refuse_slips(place: _Place, checks: list[Check]) -> None:
    """Refuse a pattern outside the subset, and ranges that are empty or inside out: a slip more often than meant."""
    for check in checks:
        if check.rule_id == "string.pattern":
            try:
                re2.to_python(check.value)
            except re2.PatternError as error:
                raise place.error(f"string.pattern: {error}") from error
    lower = [check.value for check in checks if check.rule_id.endswith((".gt", ".gte"))]
    upper = [check.value for check in checks if check.rule_id.endswith((".lt", ".lte"))]
    if lower and upper and lower[0] >= upper[0]:
        raise place.unsupported(f"a lower bound {lower[0]} that is not below the upper bound {upper[0]}")


def _is_map(field: Any) -> bool:
    return bool(field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry)


def _line(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> int:
    """Return the line of the first source location at or below ``path``, else of what holds it; 0 is not known."""
    for wanted in (path, path[:-1]):
        below = [each for each in file.source_code_info.location if list(each.path[: len(wanted)]) == wanted]
        if below:
            return int(min(each.span[0] for each in below)) + 1
    return 0
