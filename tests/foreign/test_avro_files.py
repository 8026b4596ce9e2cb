"""Avro schemas of other projects are accepted and become code; what is refused is counted by reason."""

import importlib
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import fastavro
import pytest

from codegen.avro.names import Names
from codegen.avro.schema import AvroFile, Primitive, Record
from tests_support.contracts import foreign, foreign_avro, foreign_values
from tests_support.running.faults import chosen_seed

VALUES: Final = 5
"""Of each schema."""


@pytest.mark.parametrize(("package", "files"), [("avro", 3), ("datahub", 280), ("lsst", 93)])
def test_every_schema_file_of_a_project_becomes_code(package: str, files: int) -> None:
    """Every schema file of a foreign project becomes code, whatever its name and folder, and whatever it refers to."""
    found = foreign_avro.of_folder(foreign.packages() / package)
    assert (len(found), foreign_avro.refused(found)) == (files, {})


def test_fastavro_s_own_test_schemas_become_code_but_for_those_that_are_wrong_on_purpose() -> None:
    """Of the schemas that fastavro is tested with, one is no JSON and one names a missing type; no other is refused."""
    found = foreign_avro.of_folder(foreign.source_of("fastavro") / "tests")
    assert (len(found), foreign_avro.counts(foreign_avro.refused(found))) == (53, {"avro-type": 1, "json": 1})


@pytest.mark.parametrize(
    ("package", "compared", "refused_by_fastavro"), [("avro", 3, 0), ("datahub", 280, 0), ("lsst", 93, 0)]
)
def test_the_code_reads_and_writes_the_bytes_of_fastavro(
    package: str, compared: int, refused_by_fastavro: int, tmp_path: Path
) -> None:
    """What fastavro writes for random values is decoded to the same plain fields and encoded to the same bytes."""
    seed = chosen_seed()
    found = foreign_avro.of_folder(foreign.packages() / package).values()
    schemas = {f"m{i}": schema for i, schema in enumerate(found) if isinstance(schema, AvroFile)}
    folder = tmp_path / f"foreign_{package}"
    folder.mkdir()
    foreign_values.write_package(folder, schemas)
    sys.path.insert(0, str(tmp_path))
    done = refused = 0
    try:
        for name, schema in schemas.items():
            module = importlib.import_module(f"{folder.name}.{name}")
            try:
                parsed = foreign_values.parsed_by_fastavro(schema)
            except fastavro.schema.SchemaParseException:
                refused += 1
                continue
            raw = foreign_values.RawValues(schema, random.Random(f"{seed} {name}"))
            for _ in range(VALUES):
                compare(schema, module, parsed, raw.draw(schema.top))
            done += 1
    finally:
        sys.path.remove(str(tmp_path))
    assert (done, refused) == (compared, refused_by_fastavro)


def compare(schema: AvroFile, module: ModuleType, parsed: Any, value: Any) -> None:
    """Hold one value against fastavro."""
    data = foreign_values.written(parsed, value)
    record = schema.definition
    if not isinstance(record, Record):
        assert module.encode(module.decode(data)) == data
        return
    names = Names(schema)
    decoded = getattr(module, names.classes[record.name]).decode(data)
    assert decoded.encode() == data, (schema.file, value)
    for field in record.fields:
        if isinstance(field.type, Primitive) and field.type.logical is None:
            assert getattr(decoded, names.fields[record.name][field.name]) == value[field.name], (schema.file, value)
