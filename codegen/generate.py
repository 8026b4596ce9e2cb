"""All generated files of a contracts folder: a pure picture of it, without machine paths, times or hash order."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from codegen.avro import types as avro_types
from codegen.avro.modules import module_names, runtime_files
from codegen.avro.names import Names
from codegen.avro.samples import samples
from codegen.avro.schema import Record
from codegen.errors import ContractError
from codegen.import_test import Trial
from codegen.json_places import line_at
from codegen.proto import message_modules, rules_module, served_files
from codegen.proto import rules as proto_rules
from codegen.proto import stubs as proto_stubs
from codegen.topics import module as topics_module
from codegen.tree import MARK, Contracts, folders_of

_RUNTIME_IMPORT: Final = re.compile(r"^from \.+ ?(?:import )?(_\w+)", re.MULTILINE)
_AVRO_INIT: Final = '''\
"""The Avro records as frozen structs, a module a schema file; every decode and encode raises one of these errors."""

from ._runtime import AvroDecodeError, AvroEncodeError

__all__ = ["AvroDecodeError", "AvroEncodeError"]
'''


def generated_files(contracts: Contracts, package: str) -> dict[str, str]:
    """Return every generated file's text by its path below the output folder.

    ``package`` is the dotted name of that folder, for example ``contracts.generated``. Raises ContractError.
    """
    files = {"__init__.py": _mark("the contracts") + '"""Generated from the contracts; one folder, never edited."""\n'}
    files |= _avro(contracts)
    if contracts.proto:
        files |= _proto(contracts, package)
    if contracts.topics:
        files["topics.py"] = topics_module.module_text(contracts.topics, contracts.avro, _mark("topics").rstrip())
    for folder in folders_of(files):
        files.setdefault(f"{folder}/__init__.py".lstrip("/"), _mark("the contracts"))
    return files


def _proto(contracts: Contracts, package: str) -> dict[str, str]:
    own = list(contracts.proto)
    descriptors = contracts.descriptors
    mark = _mark("the contracts' proto files")
    rules = proto_rules.message_rules(descriptors, own)  # first: its errors name the contract's line
    only_async = contracts.project.grpc == "asyncio"
    modules = proto_stubs.generate(descriptors, own, package, only_async=only_async)
    files = {name: mark + text for name, text in modules.items()}
    if (pool := message_modules.pool_module(descriptors, own, mark.rstrip())) is not None:
        files[message_modules.POOL_MODULE] = pool
    files["descriptors.py"] = served_files.module_text(descriptors, own, mark.rstrip())
    if rules:
        runtime = Path(rules_module.__file__).with_name("rules_runtime.py").read_text(encoding="utf-8")
        files["rules.py"] = _mark("its own runtime") + runtime
        files |= rules_module.module_texts(rules, package, mark.rstrip())
    return files


def _avro(contracts: Contracts) -> dict[str, str]:
    files: dict[str, str] = {}
    modules = module_names(contracts.avro)
    for path, schema in contracts.avro.items():
        module = modules[path]
        try:
            text = avro_types.module_text(schema, _mark(path).rstrip(), "." * (module.count(".") + 1))
        except ContractError as error:
            raise error.at(line_at(schema.lines, error.place)) from error
        files[_file_of(module)] = text
    if files:
        files["avro/__init__.py"] = _mark("the contracts") + _AVRO_INIT
        texts = {source.stem: source.read_text(encoding="utf-8") for source in runtime_files()}
        for name in _needed(files.values(), texts):
            files[f"avro/{name}.py"] = _mark("its own runtime") + texts[name]
    return files


def _needed(texts: Iterable[str], runtime: Mapping[str, str]) -> list[str]:
    """Return the modules of the runtime that the texts import, directly or through each other."""
    found: set[str] = set()
    waiting = list(texts)
    for text in waiting:  # grows while it is walked
        named = set(_RUNTIME_IMPORT.findall(text)) & runtime.keys() - found
        found |= named
        waiting += [runtime[name] for name in named]
    return sorted(found)


def trials(contracts: Contracts) -> dict[str, Trial]:
    """Return the values that each Avro module must read as it wrote them, by its file."""
    modules = module_names(contracts.avro)
    found = {}
    for path, schema in contracts.avro.items():
        cls = Names(schema).classes[schema.name] if isinstance(schema.definition, Record) else ""
        found[_file_of(modules[path])] = Trial(cls, list(samples(schema)))
    return found


def _file_of(module: str) -> str:
    return f"avro/{module.replace('.', '/')}.py"


def _mark(source: str) -> str:
    return MARK.format(source=source) + "\n"
