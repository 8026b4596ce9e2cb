"""Where another version of a schema makes programs change that use its generated classes: pure, a sentence a place."""

from collections.abc import Iterator

from codegen.avro.default_code import default_code
from codegen.avro.names import Names
from codegen.avro.schema import AvroFile, Record


def source_changes(old: AvroFile, new: AvroFile) -> Iterator[str]:
    """Yield what callers must change: what a class wants that it did not, has no more, or has under another name.

    A field that is new and has a default that Python can share changes nothing for anybody.
    """
    was, now = Names(old), Names(new)
    for name, record in new.named.items():
        before = old.definition if record is new.definition else old.named.get(name)
        if isinstance(record, Record) and isinstance(before, Record):
            yield from _between(was, before, now, record)


def _between(was: Names, before: Record, now: Names, after: Record) -> Iterator[str]:
    cls, former = now.classes[after.name], was.classes[before.name]
    if cls != former:
        yield f"the class `{former}` is called `{cls}`: import it by that name"
    attributes, formerly = now.fields[after.name], was.fields[before.name]
    optional = {field.name for field in before.fields if _has_default(was, before, field.name)}
    for field in after.fields:
        name = attributes[field.name]
        if field.name in formerly and formerly[field.name] != name:
            yield f"`{former}.{formerly[field.name]}` is called `{name}`: name it so where it is made or read"
        if (field.name not in formerly or field.name in optional) and not _has_default(now, after, field.name):
            yield f"`{cls}(...)` wants `{name}` from now on: pass it wherever one is made"
    for name, attribute in formerly.items():
        if name not in attributes:
            yield f"`{cls}` has no `{attribute}` any more: take it out where one is made or read"


def _has_default(names: Names, record: Record, name: str) -> bool:
    field = next(field for field in record.fields if field.name == name)
    return default_code(field, names, names.in_scope(record.name)) is not None
