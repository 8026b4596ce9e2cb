"""Generated Avro modules for tests, of any schema text; and values for it, ours and fastavro's."""

import datetime
import decimal
import importlib
import io
import itertools
import json
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import fastavro
from hypothesis import strategies as st

from codegen.avro import parse as avro_parse
from codegen.avro import types as avro_types
from codegen.avro.names import Names
from codegen.avro.schema import Array, AvroFile, Enumeration, Fixed, Logical, Map, Named, Primitive, Record, Type, Union

_numbers = itertools.count()
_PLAIN: Mapping[str, type] = {
    "None": type(None),
    "str": str,
    "bool": bool,
    "int": int,
    "float": float,
    "bytes": bytes,
    "tuple": tuple,
    "dict": dict,
}

EVERYTHING = Path(__file__).with_name("everything.avsc").read_text(encoding="utf-8")
"""A schema that uses every supported type, with names that Python keeps for itself."""


def record_text(*fields: Any, **extra: Any) -> str:
    """Return the text of a record t.R with these fields."""
    return json.dumps({"type": "record", "name": "R", "namespace": "t", "fields": fields, **extra})


def written(text: str, value: Any) -> bytes:
    """Return a value as fastavro writes it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(text)), value)
    return out.getvalue()


@contextmanager
def imported(text: str, folder: Path) -> Iterator[ModuleType]:
    """Yield the module generated from a schema's text, imported from below ``folder``."""
    name = f"generated_{next(_numbers)}"
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    for source in Path(avro_types.__file__).with_name("runtime").glob("_[a-z]*.py"):
        shutil.copyfile(source, package / source.name)
    schema = avro_parse.parse("test.avsc", text)
    (package / "module.py").write_text(avro_types.module_text(schema, "# test"), encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(f"{name}.module")
    finally:
        sys.path.remove(str(folder))
        for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[loaded]


class Values:
    """Values of a schema: Hypothesis strategies for the generated classes, and the same for fastavro."""

    def __init__(self, schema: AvroFile, module: ModuleType) -> None:
        self.schema = schema
        self.names = Names(schema)
        self.module = module
        runtime: Any = module._runtime  # a module of a test has a runtime of its own
        self.decode_error: type[Exception] = runtime.AvroDecodeError
        self.parsed = fastavro.parse_schema(json.loads(schema.text))
        self._records = {
            name: self._deferred(definition)
            for name, definition in schema.named.items()
            if isinstance(definition, Record)
        }

    def records(self) -> st.SearchStrategy[Any]:
        """Return a strategy of records of the top class."""
        return self._records[self.schema.name]

    def _deferred(self, record: Record) -> st.SearchStrategy[Any]:
        """Return a strategy that is built when it is drawn from, so that records may hold their own kind."""
        return st.deferred(lambda: self._record(record))

    def _record(self, record: Record) -> st.SearchStrategy[Any]:
        cls = getattr(self.module, self.names.classes[record.name])
        python = self.names.fields[record.name]
        fields = {python[field.name]: self.strategy(field.type) for field in record.fields}
        return st.builds(cls, **fields)

    def strategy(self, kind: Type) -> st.SearchStrategy[Any]:
        match kind:
            case Primitive(name, logical):
                return _primitive(name, logical)
            case Array(items):
                return st.lists(self.strategy(items), max_size=3).map(tuple)
            case Map(values):
                return st.dictionaries(st.text(max_size=3), self.strategy(values), max_size=3)
            case Union(branches):
                return st.one_of([self.strategy(branch) for branch in branches])
            case Named(name):
                definition = self.schema.named[name]
                if isinstance(definition, Record):
                    return self._records[name]
                if isinstance(definition, Enumeration):
                    return st.sampled_from(list(getattr(self.module, self.names.classes[name])))
                return _fixed(definition)

    def theirs(self, kind: Type, value: Any) -> Any:
        """Return the value as fastavro takes it."""
        match kind:
            case Array(items):
                return [self.theirs(items, item) for item in value]
            case Map(values):
                return {key: self.theirs(values, item) for key, item in value.items()}
            case Union(branches):
                return self.theirs(self._branch(branches, value), value)
            case Named(name):
                definition = self.schema.named[name]
                if isinstance(definition, Record):
                    python = self.names.fields[name]
                    return {f.name: self.theirs(f.type, getattr(value, python[f.name])) for f in definition.fields}
                return value.bytes if isinstance(value, uuid.UUID) else str(value) if isinstance(value, str) else value
            case _:
                return value

    def _branch(self, branches: tuple[Type, ...], value: Any) -> Type:
        for branch in branches:
            annotation = self.names.annotation(branch).partition("[")[0].removeprefix("_builtins.")
            if type(value) is _PLAIN.get(annotation, getattr(self.module, annotation, None)):
                return branch
        raise AssertionError(f"no branch for {value!r}")

    def fastavro_bytes(self, record: Any) -> bytes:
        """Return what fastavro writes for a record."""
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self.parsed, self.theirs(self.schema.top, record))
        return out.getvalue()


def _primitive(name: str, logical: Logical | None) -> st.SearchStrategy[Any]:
    if logical is not None:
        return _logical(logical)
    return {
        "null": st.none(),
        "boolean": st.booleans(),
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "float": st.floats(width=32, allow_nan=False),
        "double": st.floats(allow_nan=False),
        "bytes": st.binary(max_size=200),
        "string": st.text(max_size=100),
    }[name]


def _fixed(definition: Fixed) -> st.SearchStrategy[Any]:
    if definition.logical is None:
        return st.binary(min_size=definition.size, max_size=definition.size)
    return _logical(definition.logical)


def _logical(logical: Logical) -> st.SearchStrategy[Any]:
    moments = st.datetimes(min_value=datetime.datetime(1, 1, 2), max_value=datetime.datetime(9999, 12, 30))
    match logical.name:
        case "decimal":
            limit = 10**logical.precision - 1
            context = decimal.Context(prec=logical.precision + 1)
            return st.integers(-limit, limit).map(lambda n: context.scaleb(decimal.Decimal(n), -logical.scale))
        case "uuid":
            return st.uuids()
        case "date":
            return st.dates()
        case "time-micros":
            return st.times()
        case "time-millis":
            return st.times().map(_whole_millis)
        case "timestamp-micros":
            return moments.map(lambda moment: moment.replace(tzinfo=datetime.UTC))
        case "timestamp-millis":
            return moments.map(lambda moment: _whole_millis(moment.replace(tzinfo=datetime.UTC)))
        case "local-timestamp-micros":
            return moments
        case _:
            return moments.map(_whole_millis)


def _whole_millis(value: Any) -> Any:
    return value.replace(microsecond=value.microsecond // 1000 * 1000)
