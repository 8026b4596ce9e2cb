"""Random values of any Avro schema, as fastavro takes them when it is told of no logical type."""

import io
import json
import random
import uuid
from pathlib import Path
from typing import Any, Final

import fastavro

from codegen.avro import types as avro_types
from codegen.avro.modules import runtime_files
from codegen.avro.schema import Array, AvroFile, Enumeration, Fixed, Logical, Map, Named, Primitive, Record, Type, Union

_DEPTH_MAX: Final = 5
"""Below it arrays and maps are empty and unions are null, where they can be."""

_DAY_MICROS: Final = 86_400_000_000
_YEARS_MICROS: Final = 50 * 365 * _DAY_MICROS


def write_package(folder: Path, schemas: dict[str, AvroFile]) -> None:
    """Write the code of schemas as modules of these names into a package, with the runtime."""
    (folder / "__init__.py").touch()
    for source in runtime_files():
        (folder / source.name).write_bytes(source.read_bytes())
    for name, schema in schemas.items():
        (folder / f"{name}.py").write_text(avro_types.module_text(schema, "# foreign"), encoding="utf-8")


def parsed_by_fastavro(schema: AvroFile) -> Any:
    """Return a schema as fastavro has it, without logical types. Raises what fastavro raises."""
    return fastavro.parse_schema(_plain(json.loads(schema.text)))


def _plain(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items() if key not in {"logicalType", "default"}}
    return tree


def written(parsed: Any, value: Any) -> bytes:
    """Return what fastavro writes for a raw value."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, value)
    return out.getvalue()


class RawValues:
    """Draws raw values of a schema's types."""

    def __init__(self, schema: AvroFile, random_numbers: random.Random) -> None:
        self._named = schema.named
        self._random = random_numbers

    def draw(self, kind: Type, depth: int = 0) -> Any:
        """Return a value; a record that is a union's branch has its name beside its fields, for fastavro."""
        few = 0 if depth > _DEPTH_MAX else self._random.randrange(3)
        match kind:
            case Primitive(name, logical):
                return self._primitive(name, logical)
            case Array(items):
                return [self.draw(items, depth + 1) for _ in range(few)]
            case Map(values):
                return {f"k{i}é": self.draw(values, depth + 1) for i in range(few)}
            case Union(branches):
                null = Primitive("null") in branches and depth > _DEPTH_MAX
                branch = Primitive("null") if null else self._random.choice(branches)
                value = self.draw(branch, depth + 1)
                return (
                    {**value, "-type": branch.name} if isinstance(value, dict) and isinstance(branch, Named) else value
                )
            case Named(name):
                return self._definition(name, depth)

    def _definition(self, name: str, depth: int) -> Any:
        match self._named[name]:
            case Record(_, fields):
                return {field.name: self.draw(field.type, depth + 1) for field in fields}
            case Enumeration(_, symbols):
                return self._random.choice(symbols)
            case Fixed(_, size, logical):
                if logical is not None and logical.name == "decimal":
                    return self._digits(logical).to_bytes(size, "big", signed=True)
                return self._random.randbytes(size)

    def _primitive(self, name: str, logical: Logical | None) -> Any:
        match name:
            case "null":
                return None
            case "boolean":
                return self._random.random() < 0.5
            case "int" | "long":
                return self._whole(name, logical)
            case "float" | "double":
                return float(self._random.randrange(-(2**20), 2**20)) / 8
            case "string":
                text = "".join(self._random.choices("ab\0é日🎉 ", k=self._random.randrange(6)))
                return text if logical is None else str(uuid.UUID(int=self._random.getrandbits(128)))
            case _:
                return self._bytes(logical)

    def _whole(self, name: str, logical: Logical | None) -> int:
        match logical.name if logical is not None else "":
            case "":
                bits = self._random.randrange(32 if name == "int" else 64)
                return self._random.getrandbits(bits) - (self._random.getrandbits(bits) if bits < 31 else 0)
            case "date":
                return self._random.randrange(-100_000, 100_000)
            case "time-millis":
                return self._random.randrange(_DAY_MICROS // 1000)
            case "time-micros":
                return self._random.randrange(_DAY_MICROS)
            case unit if unit.endswith("millis"):
                return self._random.randrange(-_YEARS_MICROS, _YEARS_MICROS) // 1000
            case _:
                return self._random.randrange(-_YEARS_MICROS, _YEARS_MICROS)

    def _bytes(self, logical: Logical | None) -> bytes:
        if logical is None:
            return self._random.randbytes(self._random.randrange(9))
        if logical.name == "big-decimal":  # the number's own bytes with their length, then the scale
            return bytes([2, self._random.randrange(1, 128), 4])
        number = self._digits(logical)
        return number.to_bytes((8 + (number + (number < 0)).bit_length()) // 8, "big", signed=True)

    def _digits(self, logical: Logical) -> int:
        return self._random.randrange(-(10**logical.precision) + 1, 10**logical.precision)
