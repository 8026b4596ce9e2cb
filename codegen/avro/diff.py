"""What changed between two Avro schemas, in words: pure, a line a change."""

import json
from collections.abc import Iterator

from codegen.avro.resolve import type_words
from codegen.avro.schema import AvroFile, Definition, Enumeration, Field, Fixed, Record


def words(old: AvroFile, new: AvroFile) -> Iterator[str]:
    """Yield a line for each difference; none when the two say the same in the same words."""
    was, now = type_words(old.top, old), type_words(new.top, new)
    if was != now:
        same_kind = type(old.definition) is type(new.definition) and old.definition is not None
        yield f"{was} is now called {new.name}" if same_kind else f"{was} is now {now}"
    tops = {schema.name for schema in (old, new) if schema.definition is not None}
    for name in sorted((old.named.keys() | new.named.keys()) - tops):
        if name not in new.named:
            yield f"the type {name} is gone"
        elif name not in old.named:
            yield f"the type {name} is new"
    pairs: list[tuple[Definition, Definition]] = []
    if old.definition is not None and new.definition is not None:
        pairs.append((old.definition, new.definition))
    pairs += [(old.named[n], new.named[n]) for n in old.named if n in new.named and n not in tops]
    for before, after in pairs:
        yield from _definition(before, after, old, new)


def _definition(before: Definition, after: Definition, old: AvroFile, new: AvroFile) -> Iterator[str]:
    name = after.name
    if before.doc != after.doc:
        yield f"{name}: documented in other words"
    match before, after:
        case Record(), Record():
            yield from _fields(before, after, old, new)
        case Enumeration(_, was, _, was_default), Enumeration(_, now, _, now_default):
            yield from (f"{name}: the symbol {symbol} is gone" for symbol in was if symbol not in now)
            yield from (f"{name}: the symbol {symbol} is new" for symbol in now if symbol not in was)
            if [s for s in was if s in now] != [s for s in now if s in was]:
                yield f"{name}: the symbols are in another order"
            if was_default != now_default:
                yield f"{name}: the default is {now_default or 'none'}, was {was_default or 'none'}"
        case Fixed(), Fixed():
            if (before.size, before.logical) != (after.size, after.logical):
                yield f"{name}: {after.size} bytes, were {before.size}; or another logical type"
        case _:
            yield f"{name}: {type(before).__name__.lower()} is now {type(after).__name__.lower()}"


def _fields(before: Record, after: Record, old: AvroFile, new: AvroFile) -> Iterator[str]:
    was = {field.name: field for field in before.fields}
    now = {field.name: field for field in after.fields}
    for name, field in was.items():
        if name not in now:
            yield f"{after.name}: the field `{name}` ({type_words(field.type, old)}) is gone"
    for name, field in now.items():
        if name not in was:
            yield f"{after.name}: the field `{name}` ({type_words(field.type, new)}{_default(field)}) is new"
        else:
            yield from _field(after.name, was[name], field, old, new)
    if [name for name in was if name in now] != [name for name in now if name in was]:
        yield f"{after.name}: the fields are in another order"


def _field(record: str, was: Field, now: Field, old: AvroFile, new: AvroFile) -> Iterator[str]:
    type_was, type_now = type_words(was.type, old), type_words(now.type, new)
    if type_was != type_now:
        yield f"{record}: `{now.name}` is {type_now}, was {type_was}"
    if (was.has_default, was.default) != (now.has_default, now.default):
        yield f"{record}: `{now.name}` has{_default(now) or ' no default'}, had{_default(was) or ' no default'}"
    if was.doc != now.doc:
        yield f"{record}: `{now.name}` is documented in other words"


def _default(field: Field) -> str:
    return f" default {json.dumps(field.default, ensure_ascii=False)}" if field.has_default else ""
