"""Protobuf texts compiled in memory: messages for protovalidate, and the rules that codegen makes of the same text."""

import re
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import protovalidate
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from codegen.proto import compiler as proto_compiler
from codegen.proto import rules as proto_rules
from codegen.proto import rules_module, rules_runtime
from codegen.proto.rules import MessageRules

_VALIDATOR = protovalidate.Validator()  # type: ignore[no-untyped-call]
Verdict = list[tuple[str, str]]
"""(path of the field, id of the rule) of each violation, sorted."""


@dataclass(frozen=True)
class Compiled:
    """The messages of some files, their rules, and these as modules by file."""

    pool: Any
    messages: tuple[MessageRules, ...]
    rules: Mapping[str, types.ModuleType]

    @property
    def functions(self) -> Mapping[str, str]:
        """The name of each message's function, by the message's full name."""
        said = re.compile(r"Return every rule of ([\w.]+) that a message breaks")
        made = [each for module in self.rules.values() for each in vars(module).values() if callable(each)]
        return {found[1]: each.__name__ for each in made if (found := said.match(each.__doc__ or ""))}

    def message(self, full_name: str, serialized: bytes) -> Any:
        """Return a message of the files as protoc reads them."""
        message_class: Any = message_factory.GetMessageClass(self.pool.FindMessageTypeByName(full_name))
        return message_class.FromString(serialized)

    def said_by_rules(self, file: str, function: str, message: Any) -> Verdict:
        """Return the verdict of a generated function on a message."""
        return sorted((broken.field, broken.rule_id) for broken in getattr(self.rules[file], function)(message))


def compiled(texts: Mapping[str, str]) -> Compiled:
    """Return Protobuf files compiled, by their names below proto/. Raises ContractError as codegen does."""
    return of_descriptors(proto_compiler.descriptors_of_all(texts), list(texts))


def of_descriptors(found: FileDescriptorSet, own: list[str]) -> Compiled:
    """Return the ``own`` files of a set. Raises ContractError as codegen does."""
    messages = proto_rules.message_rules(found, own)
    pool = descriptor_pool.DescriptorPool()
    for file in found.file:
        pool.AddSerializedFile(file.SerializeToString())  # type: ignore[no-untyped-call, unused-ignore]
    return Compiled(pool, messages, _loaded(rules_module.module_texts(messages, "in_memory", "# generated")))


def _loaded(texts: Mapping[str, str]) -> Mapping[str, types.ModuleType]:
    """Return the generated modules, run. They import each other, so each is found by its name meanwhile."""
    modules = {name: types.ModuleType(f"in_memory.{name.removesuffix('.py').replace('/', '.')}") for name in texts}
    known: dict[str, types.ModuleType] = {"in_memory": types.ModuleType("in_memory"), "in_memory.rules": rules_runtime}
    for module in modules.values():
        parts = module.__name__.split(".")
        for i in range(1, len(parts)):
            known.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
        known[module.__name__] = module
    for name, each in known.items():
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(known[parent], last, each)
        each.__path__ = []  # a package to whoever imports from it
    sys.modules.update(known)
    try:
        for name in sorted(texts, key=lambda name: "import in_memory." in texts[name]):
            exec(compile(texts[name], name, "exec"), modules[name].__dict__)
    finally:
        for name in known:
            del sys.modules[name]
    return _Modules({name.removesuffix("_rules.py"): module for name, module in modules.items()})


class _Modules(dict[str, types.ModuleType]):
    """Modules by the path of their file, whatever dashes that has."""

    def __missing__(self, file: str) -> types.ModuleType:
        return self[file.removesuffix(".proto").replace("-", "_")]


def said_by_oracle(message: Any) -> Verdict:
    """Return protovalidate's verdict on a message."""
    return sorted((_path(found.proto), found.proto.rule_id) for found in _VALIDATOR.collect_violations(message))


def _path(violation: Any) -> str:
    return ".".join(element.field_name + _subscript(element) for element in violation.field.elements)


def _subscript(element: Any) -> str:
    match element.WhichOneof("subscript"):
        case None:
            return ""
        case "string_key":
            return f'["{element.string_key}"]'
        case "bool_key":
            return "[true]" if element.bool_key else "[false]"
        case kind:
            return f"[{getattr(element, kind)}]"
