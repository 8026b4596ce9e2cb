"""Values at random for messages that nobody here wrote, of kinds that their rules are about."""

import random
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import message_factory

from codegen.proto.rules import TYPES

_DEPTH_MAX: Final = 2
_TEXTS: Final = ("", "a", "ab", "abc", "foo", "bar", "foobar", "a@b.c", "é", "123", "😅", "xxxxxxxxx",
                 "f47ac10b-58cc-4372-a567-0e02b2c3d479")  # fmt: skip
_BYTES: Final = (b"", b"a", b"\x99", b"foo", b"bar\x99", b"1234")
_REALS: Final = (0.0, 1.0, -1.0, 0.5, float("nan"), 256.0, 3.0)
_NUMBERS: Final = (0, 1, 2, 3, 4, 5, 6, 8, 16, 63, 64, 128, 129, 254, 255, 256, 257)
_SIGNED: Final = (*_NUMBERS, -1, -2, -1000)


def messages(pool: Any, full_name: str, chance: random.Random, count: int) -> Iterator[Any]:
    """Yield messages of a type."""
    descriptor = pool.FindMessageTypeByName(full_name)
    return (_message(descriptor, chance, 0) for _ in range(count))


def _message(descriptor: Any, chance: random.Random, depth: int) -> Any:
    message_class: Any = message_factory.GetMessageClass(descriptor)
    made = message_class()
    for field in descriptor.fields if depth <= _DEPTH_MAX else ():
        if chance.random() < 0.3:
            continue
        if field.is_repeated:
            _fill(getattr(made, field.name), field, chance, depth)
        elif field.message_type is not None:
            getattr(made, field.name).CopyFrom(_value(field, chance, depth))
        else:
            setattr(made, field.name, _value(field, chance, depth))
    return made


def _fill(items: Any, field: Any, chance: random.Random, depth: int) -> None:
    for _ in range(chance.randrange(4)):
        if field.message_type is None:
            items.append(_value(field, chance, depth))
        elif not field.message_type.GetOptions().map_entry:
            items.add().CopyFrom(_value(field, chance, depth))
        elif field.message_type.fields_by_name["value"].message_type is None:
            items[_value(field.message_type.fields_by_name["key"], chance, depth)] = _value(
                field.message_type.fields_by_name["value"], chance, depth
            )
        else:
            key = _value(field.message_type.fields_by_name["key"], chance, depth)
            items[key].CopyFrom(_value(field.message_type.fields_by_name["value"], chance, depth))


def _value(field: Any, chance: random.Random, depth: int) -> Any:
    if field.message_type is not None:
        return _message(field.message_type, chance, depth + 1)
    match TYPES[field.type]:
        case "enum":
            return chance.choice([value.number for value in field.enum_type.values])
        case "bool":
            return chance.random() < 0.5
        case "string":
            return chance.choice(_TEXTS)
        case "bytes":
            return chance.choice(_BYTES)
        case "float" | "double":
            return chance.choice(_REALS)
        case kind:
            return chance.choice(_NUMBERS if kind.startswith(("u", "fixed")) else _SIGNED)
