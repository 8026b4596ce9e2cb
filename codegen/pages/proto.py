"""The page of a Protobuf file: its services, messages with rules, and enums."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from google.protobuf import descriptor_pb2

from codegen.pages.html import code, in_line, prose, table
from codegen.proto.rules import Check, FieldRules, MessageRules

_Type = descriptor_pb2.FieldDescriptorProto.Type
_Rules = Mapping[tuple[str, str], FieldRules]
_LABEL_REPEATED = 3


def body(file: descriptor_pb2.FileDescriptorProto, messages: Iterable[MessageRules]) -> str:
    """Return what a file defines, each thing with the comment before it; ``messages`` are those with rules."""
    ruled = {message.full_name: message for message in messages}
    fields = {(name, field.name): field for name, message in ruled.items() for field in message.fields}
    return "".join(_Page(file, fields, {name: message.beyond for name, message in ruled.items()}).parts())


class _Page:
    def __init__(
        self, file: descriptor_pb2.FileDescriptorProto, rules: _Rules, whole: Mapping[str, Sequence[str]]
    ) -> None:
        self._file = file
        self._rules = rules
        self._whole = whole
        self._comments = {tuple(one.path): one.leading_comments for one in file.source_code_info.location}

    def _said(self, *path: int) -> str:
        return self._comments.get(path, "")

    def parts(self) -> Iterator[str]:
        """Yield services, messages and enums, in the order of the file."""
        for i, service in enumerate(self._file.service):
            yield f"<h2>service {code(service.name)}</h2>\n{prose(self._said(6, i))}"
            rows = [
                (code(rpc.name), self._rpc_type(rpc.input_type, rpc.client_streaming),
                 self._rpc_type(rpc.output_type, rpc.server_streaming), in_line(self._said(6, i, 2, j).strip()))
                for j, rpc in enumerate(service.method)
            ]  # fmt: skip
            yield table(("call", "request", "answer", "meaning"), rows)
        for i, message in enumerate(self._file.message_type):
            yield from self._message(message, message.name, (4, i))
        for i, enum in enumerate(self._file.enum_type):
            yield self._enum(enum, enum.name, (5, i))

    def _rpc_type(self, name: str, streams: bool) -> str:
        return ("a stream of " if streams else "") + code(self._short(name))

    def _short(self, name: str) -> str:
        return name.lstrip(".").removeprefix(f"{self._file.package}.")

    def _message(self, message: descriptor_pb2.DescriptorProto, name: str, path: tuple[int, ...]) -> Iterator[str]:
        yield f"<h2>message {code(name)}</h2>\n{prose(self._said(*path))}"
        rows = [self._field(message, name, i, path) for i in range(len(message.field))]
        yield table(("number", "field", "type", "rules", "meaning"), rows)
        if beyond := self._whole.get(self._full_name(name)):
            yield f"<p>Rules on the whole message: {', '.join(code(said) for said in beyond)}.</p>\n"
        gone = [*message.reserved_name]
        gone += [str(r.start) if r.end == r.start + 1 else f"{r.start} to {r.end - 1}" for r in message.reserved_range]
        if gone:
            yield f"<p>Reserved: {', '.join(code(one) for one in gone)}.</p>\n"
        for i, nested in enumerate(message.nested_type):
            if not nested.options.map_entry:
                yield from self._message(nested, f"{name}.{nested.name}", (*path, 3, i))
        for i, enum in enumerate(message.enum_type):
            yield self._enum(enum, f"{name}.{enum.name}", (*path, 4, i))

    def _full_name(self, name: str) -> str:
        return f"{self._file.package}.{name}" if self._file.package else name

    def _field(
        self, message: descriptor_pb2.DescriptorProto, owner: str, i: int, path: tuple[int, ...]
    ) -> tuple[str, ...]:
        field = message.field[i]
        rules = self._rules.get((self._full_name(owner), field.name))
        said = "<br>".join(in_line(line) for line in rule_words(rules)) if rules else ""
        meaning = in_line(" ".join(self._said(*path, 2, i).split()))
        return str(field.number), code(field.name), self._type(message, field), said, meaning

    def _type(self, message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto) -> str:
        entry = next(
            (n for n in message.nested_type if n.options.map_entry and field.type_name.endswith(f".{n.name}")), None
        )
        if entry is not None:
            key, value = (self._type(entry, one) for one in entry.field)
            return f"map from {key} to {value}"
        name = self._short(field.type_name) or _Type.Name(field.type).removeprefix("TYPE_").lower()
        words = "list of " if field.label == _LABEL_REPEATED else "optional " if field.proto3_optional else ""
        choice = field.HasField("oneof_index") and not field.proto3_optional
        within = f", one of {escape(message.oneof_decl[field.oneof_index].name)}" if choice else ""
        return f"{words}{code(name)}{within}"

    def _enum(self, enum: descriptor_pb2.EnumDescriptorProto, name: str, path: tuple[int, ...]) -> str:
        rows = [
            (str(value.number), code(value.name), in_line(" ".join(self._said(*path, 2, i).split())))
            for i, value in enumerate(enum.value)
        ]
        return f"<h2>enum {code(name)}</h2>\n{prose(self._said(*path))}{table(('number', 'value', 'meaning'), rows)}"


def rule_words(rules: FieldRules) -> list[str]:
    """Return the rules of a field as a person says them, each with the rule's own name."""
    found = ["required"] if rules.required else []
    found += [_words(check) for check in rules.checks]
    found += [f"each item: {_words(check)}" for check in rules.items]
    found += [f"`{said}`" for said in rules.beyond]
    return [*found, "an empty one is not checked"] if rules.skip_empty and found else found


def _words(check: Check) -> str:
    rule = check.rule_id.rpartition(".")[2]
    words = {
        "uuid": "a UUID in text",
        "pattern": f"matches `{check.value}`",
        "prefix": f"begins with `{check.value}`",
        "suffix": f"ends with `{check.value}`",
        "len": f"exactly {check.value} long",
        "min_len": f"at least {check.value} long",
        "max_len": f"at most {check.value} long",
        "min_bytes": f"at least {check.value} bytes",
        "max_bytes": f"at most {check.value} bytes",
        "min_items": f"at least {check.value} items",
        "max_items": f"at most {check.value} items",
        "gt": f"more than {check.value}",
        "gte": f"at least {check.value}",
        "lt": f"less than {check.value}",
        "lte": f"at most {check.value}",
    }[rule]
    return f"{words} ({check.rule_id})"
