"""Python text of the rules, a function a message: straight-line code, or a call of protovalidate beyond the subset."""

import builtins
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from codegen.errors import ContractError
from codegen.package_names import module_of_proto
from codegen.proto import re2
from codegen.proto.rules import Check, FieldRules, MessageRules
from codegen.proto.rules_runtime import UUID_PATTERN
from codegen.text import Lines, docstring, snake

_PYTHON_TYPES = {"string": "str", "bytes": "bytes", "bool": "bool", "float": "float", "double": "float", "enum": "int"}
_TAKEN = frozenset(("Any", "Final", "Sequence", "TYPE_CHECKING", "Violation", "annotations", "broken", "each", "found"))
_TAKEN |= {"by_protovalidate", "i", "is_uuid", "item", "message", "pb2", "re", "shown"}
"""Names that the modules of rules use themselves."""
_RELATIONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_IN_WORDS = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}


def module_texts(messages: Sequence[MessageRules], package: str, mark: str) -> dict[str, str]:
    """Return the modules of the rules by path, one a Protobuf file that has any.

    ``package`` is the dotted name of the generated package. Raises ContractError when two messages would share a name.
    """
    files = sorted({each.file for each in messages})
    known: dict[str, _Named] = {}
    for file in files:
        known |= _named(file, [each for each in messages if each.file == file])
    return {f"{_path(file)}_rules.py": _module_text(file, known, package, mark) for file in files}


class _Named(NamedTuple):
    """A message and its function."""

    rules: MessageRules
    function: str

    @property
    def of_fields(self) -> str:
        """The function that takes the values of the fields."""
        return f"{self.function}_fields"


def _named(file: str, messages: Sequence[MessageRules]) -> dict[str, _Named]:
    """Return the messages of a file by full name: in snake_case, and as they are written where two would be the same.

    Raises ContractError when those are the same, too.
    """
    names = [_free(snake(each.name)) for each in messages]
    every = [*names, *(f"{name}_fields" for name in names)]
    chosen = [
        name if every.count(name) == 1 else f"{each.name.replace('.', '__')}_"
        for each, name in zip(messages, names, strict=True)
    ]
    for each, name in zip(messages, chosen, strict=True):
        if chosen.count(name) > 1:
            raise ContractError(f"proto/{file}", "", f"two messages are {name} in Python; rename {each.full_name}")
    return {each.full_name: _Named(each, name) for each, name in zip(messages, chosen, strict=True)}


def _free(name: str) -> str:
    """Return a name that is no word of Python's and none that the module uses itself."""
    taken = keyword.iskeyword(name) or hasattr(builtins, name) or name in _TAKEN
    return f"{name}_" if taken else name


def _module_text(file: str, known: Mapping[str, _Named], package: str, mark: str) -> str:
    constants, functions = _Constants(), Lines()
    own = [each for each in known.values() if each.rules.file == file]
    for message in own:
        _message(message, known, constants, functions)
    body = "\n".join(functions.lines)
    held = {str(f.message) for each in own if not each.rules.reason for f in each.rules.fields}
    others = sorted({known[name].rules.file for name in held if name in known} - {file})
    head = [
        mark,
        *docstring(f"The rules of {file}: each function returns what is wrong with a message.", 0),
        "",
        "from __future__ import annotations",
        "",
        *(["import re"] if "re.compile" in "\n".join(constants.lines) else []),
        "from typing import TYPE_CHECKING, Any, Final"
        if "message: Any" in body
        else "from typing import TYPE_CHECKING, Final",
        "",
        *(f"import {package}.{_dotted(other)}_rules as {_alias(other)}" for other in others),
        f"from {package}.rules import {', '.join(_runtime_names(body))}",
        "",
        "if TYPE_CHECKING:",
        "    from collections.abc import Sequence",
        "",
        f"    import {package}.{_dotted(file)}_pb2 as pb2",
        "",
    ]
    return "\n".join([*head, *constants.lines, body]) + "\n"


class _Constants:
    """The module's constants. Two that would be called the same and are not are numbered."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    @property
    def lines(self) -> list[str]:
        """The lines that define them."""
        return [f"{name}: Final = {expression}" for name, expression in self._known.items()]

    def named(self, name: str, expression: str) -> str:
        """Return the name of a constant with this value."""
        number = 1
        while self._known.setdefault(found := name if number == 1 else f"{name}_{number}", expression) != expression:
            number += 1
        return found


def _path(file: str) -> str:
    return module_of_proto(file).replace(".", "/")


def _dotted(file: str) -> str:
    return module_of_proto(file)


def _alias(file: str) -> str:
    return f"_{_path(file).replace('/', '_')}"


def _runtime_names(body: str) -> list[str]:
    used = (name for name in ("by_protovalidate", "is_uuid", "shown") if re.search(rf"\b{name}\(", body))
    return ["Violation", *used]


def _message(message: _Named, known: Mapping[str, _Named], constants: _Constants, out: Lines) -> None:
    rules = message.rules
    own = [field for field in rules.fields if field.ruled]
    nested = [field for field in rules.fields if field.message in known]
    writable = not any(keyword.iskeyword(part) for part in rules.name.split("."))
    out.add("")
    out.add("")
    out.add(f"def {message.function}(message: {f'pb2.{rules.name}' if writable else 'Any'}) -> list[Violation]:")
    with out.block():
        if rules.reason:
            said = f"Return every rule of {rules.full_name} that a message breaks, as protovalidate finds them"
            out.lines += docstring(f"{said}: not compiled is {rules.reason}", 1)
            out.add("return by_protovalidate(message)")
            return
        out.add(f'"""Return every rule of {rules.full_name} that a message breaks, also in the messages it holds."""')
        if not nested:
            out.add(f"return {message.of_fields}({', '.join(map(_argument, own))})")
        else:
            call = f"{message.of_fields}({', '.join(map(_argument, own))})" if own else "[]"
            out.add(f"found: list[Violation] = {call}")
            for field in nested:
                other = known[str(field.message)]
                module = "" if other.rules.file == rules.file else f"{_alias(other.rules.file)}."
                _nested(field, module + other.function, out)
            out.add("return found")
    if own:
        _of_fields(message, own, constants, out)


def _of_fields(message: _Named, own: Sequence[FieldRules], constants: _Constants, out: Lines) -> None:
    names = _locals(own)
    full_name = message.rules.full_name
    out.add("")
    out.add("")
    out.add(f"def {message.of_fields}({', '.join(_parameter(f, names[f.name]) for f in own)}) -> list[Violation]:")
    with out.block():
        out.add(f'"""Return the rules of {full_name} that its own fields break; None is a field that is not set."""')
        out.add("found: list[Violation] = []")
        for field in own:
            _field(field, names[field.name], f"{message.function.upper()}_{field.name.upper()}", constants, out)
        out.add("return found")


def _argument(field: FieldRules) -> str:
    if field.presence:
        return f'{_read(field)} if message.HasField("{field.name}") else None'
    return _read(field)


def _read(field: FieldRules) -> str:
    return f'getattr(message, "{field.name}")' if keyword.iskeyword(field.name) else f"message.{field.name}"


def _locals(fields: Sequence[FieldRules]) -> dict[str, str]:
    """Return the fields' names as parameters: no word of Python's, none that the function uses, no two the same."""
    found: dict[str, str] = {}
    for field in fields:
        name = f"{field.name}_" if field.name.isupper() else _free(field.name)
        while name in found.values() or (name != field.name and name in {each.name for each in fields}):
            name += "_"
        found[field.name] = name
    return found


def _parameter(field: FieldRules, name: str) -> str:
    kind = "object" if field.kind in ("message", "group") else _PYTHON_TYPES.get(field.kind, "int")
    if field.repeated:
        kind = f"Sequence[{kind}]"
    return f"{name}: {kind}" + (" | None" if field.presence else "")


def _nested(field: FieldRules, function: str, out: Lines) -> None:
    if field.repeated:
        out.add(f"for i, each in enumerate({_read(field)}):")
        with out.block():
            out.suite(f"for broken in {function}(each):", f'found.append(broken.below(f"{field.name}[{{i}}]"))')
        return
    out.add(f'if message.HasField("{field.name}"):')
    with out.block():
        out.suite(f"for broken in {function}({_read(field)}):", f'found.append(broken.below("{field.name}"))')


def _field(field: FieldRules, name: str, constant: str, constants: _Constants, out: Lines) -> None:
    full = f"{name} is not None" if field.presence else name
    if field.required:
        out.suite(
            f"if {name} is None:" if field.presence else f"if not {name}:",
            f'found.append(Violation("{field.name}", "required", "a value is required"))',
        )
    if not (field.checks or field.items):
        return
    if field.required or field.skip_empty:
        out.add("else:" if field.required else f"if {full}:")
        with out.block():
            _checks(field, name, constant, constants, out)
    else:
        _checks(field, name, constant, constants, out)


def _checks(field: FieldRules, name: str, constant: str, constants: _Constants, out: Lines) -> None:
    for condition, rule_id, text in _broken(field.checks, name, constant, constants):
        out.suite(f"if {condition}:", f'found.append(Violation("{field.name}", {rule_id}, {text}))')
    if field.items:
        out.add(f"for i, item in enumerate({name}):")
        with out.block():
            for condition, rule_id, text in _broken(field.items, "item", f"{constant}_ITEMS", constants):
                out.suite(f"if {condition}:", f'found.append(Violation(f"{field.name}[{{i}}]", {rule_id}, {text}))')


def _broken(
    checks: tuple[Check, ...], name: str, constant: str, constants: _Constants
) -> Iterator[tuple[str, str, str]]:
    """Yield (condition under which a rule is broken, expression of its id, expression of its text)."""
    ranges = [check for check in checks if check.rule_id.rpartition(".")[2] in _RELATIONS]
    if ranges:
        yield _range(ranges, name, constant, constants)
    for check in checks:
        if check in ranges:
            continue
        rule = check.rule_id.rpartition(".")[2]
        told = f"{constant}_{rule.upper()}"
        if rule == "uuid":
            text = f'f"{{shown({name})}} is not a UUID in text, for example 6ba7b810-9dad-11d1-80b4-00c04fd430c8"'
            yield f"is_uuid({name}) is None", f'"string.uuid" if {name} else "string.uuid_empty"', text
            constants.named(f"{constant}_PATTERN", repr(UUID_PATTERN))
            continue
        told = constants.named(told, repr(check.value))
        if rule == "pattern":
            python = re2.to_python(check.value)
            method = "match" if python.startswith(r"\A") else "search"
            compiled = constants.named(f"_{told}", f"re.compile({python!r}, re.ASCII).{method}")
            yield f"{compiled}({name}) is None", '"string.pattern"', f'f"{{shown({name})}} does not match {{{told}}}"'
        else:
            yield _simple(check, name, told)


def _simple(check: Check, name: str, told: str) -> tuple[str, str, str]:
    kind, _, rule = check.rule_id.rpartition(".")
    measured = f"len({name}.encode())" if rule.endswith("_bytes") else f"len({name})"
    unit = {"string": "bytes" if rule.endswith("_bytes") else "characters", "bytes": "bytes", "repeated": "items"}[kind]
    said = f'"{check.rule_id}"'
    if rule in ("prefix", "suffix"):
        words = "start with" if rule == "prefix" else "end with"
        method = "startswith" if rule == "prefix" else "endswith"
        return f"not {name}.{method}({told})", said, f'f"{{shown({name})}} does not {words} {{{told}!r}}"'
    if rule == "len":
        return f"{measured} != {told}", said, f'f"has {{{measured}}} {unit}, not {{{told}}}"'
    if rule.startswith("min"):
        return f"{measured} < {told}", said, f'f"has {{{measured}}} {unit}; at least {{{told}}} are asked for"'
    return f"{measured} > {told}", said, f'f"has {{{measured}}} {unit}; at most {{{told}}} are taken"'


def _range(ranges: list[Check], name: str, constant: str, constants: _Constants) -> tuple[str, str, str]:
    """Return one violation for one bound or both, as protovalidate counts them: ``int32.gte_lt``."""
    ordered = sorted(ranges, key=lambda check: check.rule_id.rpartition(".")[2])  # gt, gte before lt, lte
    kind = ordered[0].rule_id.rpartition(".")[0]
    rules = [check.rule_id.rpartition(".")[2] for check in ordered]
    limits = [constants.named(f"{constant}_{r.upper()}", repr(c.value)) for c, r in zip(ordered, rules, strict=True)]
    tests = [f"{name} {_RELATIONS[rule]} {limit}" for rule, limit in zip(rules, limits, strict=True)]
    words = " and ".join(f"{_IN_WORDS[rule]} {{{limit}}}" for rule, limit in zip(rules, limits, strict=True))
    return f"not ({' and '.join(tests)})", f'"{kind}.{"_".join(rules)}"', f'f"{{shown({name})}} is not {words}"'
