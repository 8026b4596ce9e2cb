"""Python text of the rules: straight-line functions, a function a message; nothing is interpreted at run time."""

import builtins
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence

from codegen.errors import ContractError
from codegen.proto import re2
from codegen.proto.rules import Check, FieldRules, MessageRules
from codegen.proto.rules_runtime import UUID_PATTERN
from codegen.text import Lines, docstring, snake

_PYTHON_TYPES = {"string": "str", "bytes": "bytes", "bool": "bool", "float": "float", "double": "float", "enum": "int"}
_TAKEN = frozenset(("found", "i", "item", "re", "Final", "Violation", "is_uuid", "shown"))
"""Names that a function of rules uses itself."""
_RELATIONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_IN_WORDS = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}


def module_texts(messages: Sequence[MessageRules], package: str, mark: str) -> dict[str, str]:
    """Return the modules of the rules by path, one a Protobuf file that has any.

    ``package`` is the dotted name of the generated package. Raises ContractError when two messages would share a name.
    """
    known = {each.full_name: each for each in messages}
    texts: dict[str, str] = {}
    for file in sorted({each.file for each in messages}):
        own = [each for each in messages if each.file == file]
        names = [snake(each.name) for each in own]
        for each in own:
            if names.count(snake(each.name)) > 1:
                raise ContractError(f"proto/{file}", "", f"two messages are {snake(each.name)} in Python; rename one")
        texts[f"{file.removesuffix('.proto')}_rules.py"] = _module_text(file, own, known, package, mark)
    return texts


def _module_text(file: str, own: list[MessageRules], known: Mapping[str, MessageRules], package: str, mark: str) -> str:
    constants, functions = Lines(), Lines()
    for message in own:
        _message(message, known, constants, functions)
    body = "\n".join(functions.lines)
    others = sorted({known[str(f.message)].file for m in own for f in m.fields if f.message in known} - {file})
    head = [
        mark,
        *docstring(f"The rules of {file}, compiled: each function returns what is wrong with a message.", 0),
        "",
        "from __future__ import annotations",
        "",
        *(["import re"] if "re.compile" in "\n".join(constants.lines) else []),
        "from typing import TYPE_CHECKING, Final",
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


def _dotted(file: str) -> str:
    return file.removesuffix(".proto").replace("/", ".")


def _alias(file: str) -> str:
    return f"_{file.removesuffix('.proto').replace('/', '_')}"


def _runtime_names(body: str) -> list[str]:
    return ["Violation", *(name for name in ("is_uuid", "shown") if re.search(rf"\b{name}\(", body))]


def _message(message: MessageRules, known: Mapping[str, MessageRules], constants: Lines, out: Lines) -> None:
    function = snake(message.name)
    own = [field for field in message.fields if field.ruled]
    nested = [field for field in message.fields if field.message in known]
    out.add("")
    out.add("")
    out.add(f"def {function}(message: pb2.{message.name}) -> list[Violation]:")
    with out.block():
        out.add(f'"""Return every rule of {message.full_name} that a message breaks, also in the messages it holds."""')
        if not nested:
            out.add(f"return {function}_fields({', '.join(map(_argument, own))})")
        else:
            call = f"{function}_fields({', '.join(map(_argument, own))})" if own else "[]"
            out.add(f"found: list[Violation] = {call}")
            for field in nested:
                other = known[str(field.message)]
                module = "" if other.file == message.file else f"{_alias(other.file)}."
                _nested(field, module + snake(other.name), out)
            out.add("return found")
    if not own:
        return
    out.add("")
    out.add("")
    out.add(f"def {function}_fields({', '.join(_parameter(field) for field in own)}) -> list[Violation]:")
    with out.block():
        out.add(
            f'"""Return the rules of {message.full_name} that its own fields break; None is a field that is not set."""'
        )
        out.add("found: list[Violation] = []")
        for field in own:
            _field(field, f"{function.upper()}_{field.name.upper()}", constants, out)
        out.add("return found")


def _argument(field: FieldRules) -> str:
    if field.presence:
        return f'{_read(field)} if message.HasField("{field.name}") else None'
    return _read(field)


def _read(field: FieldRules) -> str:
    return f'getattr(message, "{field.name}")' if keyword.iskeyword(field.name) else f"message.{field.name}"


def _local(field: FieldRules) -> str:
    """Return the field's name as a parameter: not a word of Python's, nor one that the function uses."""
    taken = keyword.iskeyword(field.name) or hasattr(builtins, field.name) or field.name in _TAKEN
    return f"{field.name}_" if taken else field.name


def _parameter(field: FieldRules) -> str:
    kind = "object" if field.kind in ("message", "group") else _PYTHON_TYPES.get(field.kind, "int")
    if field.repeated:
        kind = f"Sequence[{kind}]"
    return f"{_local(field)}: {kind}" + (" | None" if field.presence else "")


def _nested(field: FieldRules, function: str, out: Lines) -> None:
    if field.repeated:
        out.add(f"for i, each in enumerate({_read(field)}):")
        with out.block():
            out.suite(f"for broken in {function}(each):", f'found.append(broken.below(f"{field.name}[{{i}}]"))')
        return
    out.add(f'if message.HasField("{field.name}"):')
    with out.block():
        out.suite(f"for broken in {function}({_read(field)}):", f'found.append(broken.below("{field.name}"))')


def _field(field: FieldRules, constant: str, constants: Lines, out: Lines) -> None:
    name = _local(field)
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
            _checks(field, constant, constants, out)
    else:
        _checks(field, constant, constants, out)


def _checks(field: FieldRules, constant: str, constants: Lines, out: Lines) -> None:
    name = _local(field)
    for condition, rule_id, text in _broken(field.checks, name, constant, constants):
        out.suite(f"if {condition}:", f'found.append(Violation("{field.name}", {rule_id}, {text}))')
    if field.items:
        out.add(f"for i, item in enumerate({name}):")
        with out.block():
            for condition, rule_id, text in _broken(field.items, "item", f"{constant}_ITEMS", constants):
                out.suite(f"if {condition}:", f'found.append(Violation(f"{field.name}[{{i}}]", {rule_id}, {text}))')


def _broken(checks: tuple[Check, ...], name: str, constant: str, constants: Lines) -> Iterator[tuple[str, str, str]]:
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
            constants.add(f"{constant}_PATTERN: Final = {UUID_PATTERN!r}")
            continue
        constants.add(f"{told}: Final = {check.value!r}")
        if rule == "pattern":
            python = re2.to_python(check.value)
            method = "match" if python.startswith(r"\A") else "search"
            constants.add(f"_{told}: Final = re.compile({python!r}, re.ASCII).{method}")
            yield f"_{told}({name}) is None", '"string.pattern"', f'f"{{shown({name})}} does not match {{{told}}}"'
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


def _range(ranges: list[Check], name: str, constant: str, constants: Lines) -> tuple[str, str, str]:
    """Return one violation for one bound or both, as protovalidate counts them: ``int32.gte_lt``."""
    ordered = sorted(ranges, key=lambda check: check.rule_id.rpartition(".")[2])  # gt, gte before lt, lte
    kind = ordered[0].rule_id.rpartition(".")[0]
    rules = [check.rule_id.rpartition(".")[2] for check in ordered]
    for check, rule in zip(ordered, rules, strict=True):
        constants.add(f"{constant}_{rule.upper()}: Final = {check.value!r}")
    tests = [f"{name} {_RELATIONS[rule]} {constant}_{rule.upper()}" for rule in rules]
    words = " and ".join(f"{_IN_WORDS[rule]} {{{constant}_{rule.upper()}}}" for rule in rules)
    return f"not ({' and '.join(tests)})", f'"{kind}.{"_".join(rules)}"', f'f"{{shown({name})}} is not {words}"'
