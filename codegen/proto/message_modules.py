"""protoc's modules of messages, moved below the generated package while their descriptors keep their own names.

A program has one pool of descriptors. A file that is there under its own name, with the content that protoc gives it,
may be registered again by anybody else's stubs of the same contract; under another name, or with another content, the
second one to come would fail. So the names stay, and so does the import of buf/validate/validate.proto wherever a
program has that file at all: see ``pool.py`` among the generated files.
"""

import re
from collections.abc import Iterable, Mapping

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

from codegen.errors import CodegenError, ContractError
from codegen.package_names import module_of_proto
from codegen.proto.validate import VALIDATE_FILE, is_for_rules

POOL_MODULE = "pool.py"
"""The module that registers files whose rules import buf/validate/validate.proto."""

_POOL = '''\
@MARK@
"""The pool of descriptors, for files whose rules import buf/validate/validate.proto.

The messages do not need that file, so the import stands in no module. Where the program has it, the import is put back:
then a file is to the letter what protoc makes of the contract, and other stubs of the same contract find it as theirs.
"""

import importlib
from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor

_VALIDATE: Final = "buf/validate/validate.proto"
_PLACES: Final = {
@PLACES@}
"""The place of the import among those of each file."""


def _is_there() -> bool:
    try:
        importlib.import_module("buf.validate.validate_pb2")
    except Exception:  # not installed, or not for this version of protobuf
        return False
    return True


class _Pool:
    """The program's own pool; protoc's code calls it as it calls that."""

    def AddSerializedFile(self, serialized: bytes) -> FileDescriptor:
        """Register a file, with the import put back where it can be."""
        if _is_there():
            file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
            place = _PLACES[file.name]
            file.dependency.insert(place, _VALIDATE)
            for places in (file.public_dependency, file.weak_dependency):
                places[:] = [each + (each >= place) for each in places]
            serialized = file.SerializeToString()
        found: FileDescriptor = descriptor_pool.Default().AddSerializedFile(serialized)
        return found


def Default() -> _Pool:
    """Return the pool."""
    return _Pool()
'''

_POOL_IMPORT = "from google.protobuf import descriptor_pool as _descriptor_pool\n"


def moved(texts: Mapping[str, str], found: FileDescriptorSet, own: list[str], package: str) -> dict[str, str]:
    """Return protoc's texts, by path, as modules below ``package``. Raises CodegenError for other texts than known."""
    files = {file.name: file for file in found.file}
    odd = [name for name in own if _protocs(name) != _ours(name, "")]
    made: dict[str, str] = {}
    for name in own:
        before, after = _protocs(name), _ours(name, package)
        text = texts.get(f"{before.replace('.', '/')}.py", "")
        if not text:
            raise ContractError(f"proto/{name}", "", "protoc writes no module of this name; rename it in ASCII letters")
        text = _exchanged(text, f"DESCRIPTOR, '{before}', ", f"DESCRIPTOR, '{after}', ")
        for dependency in files[name].dependency:
            if dependency in own:
                text = _import_exchanged(text, _protocs(dependency), _ours(dependency, package))
        for place in files[name].public_dependency:
            if (public := files[name].dependency[place]) in own:
                old = f"\nfrom {_protocs(public)} import *\n"
                text = _exchanged(text, old, f"\nfrom {_ours(public, package)} import *\n")
        for each in odd:  # which it also names where others import it publicly
            text = text.replace(f"pb2.{_protocs(each)}\n", f"pb2.{_ours(each, '')}\n")
            text = text.replace(_alias(_protocs(each)), re.sub(r"\W|^(?=\d)", "_", _alias(_protocs(each))))
        if VALIDATE_FILE in files[name].dependency and is_for_rules(files[name]) and VALIDATE_FILE not in own:
            text = _exchanged(text, _POOL_IMPORT, f"from {package} import pool as _descriptor_pool\n")
        path = f"{_ours(name, '').replace('.', '/')}.py"
        if path in made:
            other = next(each for each in own if _ours(each, "") == _ours(name, ""))
            raise ContractError(f"proto/{name}", "", f"is the same Python module as proto/{other}; rename one of them")
        made[path] = text
    return made


def drop_derived_json_names(
    messages: Iterable[DescriptorProto], extensions: Iterable[FieldDescriptorProto] = ()
) -> None:
    """Drop the JSON names that follow from the fields' names: descriptor sets have them, modules by protoc do not."""
    for field in extensions:
        if field.json_name == _json_name(field.name):
            field.ClearField("json_name")
    for message in messages:
        drop_derived_json_names(message.nested_type, (*message.field, *message.extension))


def _json_name(name: str) -> str:
    return re.sub(r"_+([^_])?", lambda found: (found[1] or "").upper(), name)


def pool_module(found: FileDescriptorSet, own: list[str], mark: str) -> str | None:
    """Return the text of ``pool.py``, or None when no file imports buf/validate/validate.proto."""
    places = {
        file.name: list(file.dependency).index(VALIDATE_FILE)
        for file in sorted(found.file, key=lambda file: file.name)
        if file.name in own and VALIDATE_FILE in file.dependency and is_for_rules(file) and VALIDATE_FILE not in own
    }
    lines = "".join(f"    {name!r}: {place},\n" for name, place in places.items())
    return _POOL.replace("@MARK@", mark).replace("@PLACES@", lines) if places else None


def _protocs(file: str) -> str:
    """Return the module that protoc makes of a file; its parts may be no names of Python."""
    return file.removesuffix(".proto").replace("-", "_").replace("/", ".") + "_pb2"


def _ours(file: str, package: str) -> str:
    return f"{package}.{module_of_proto(file)}_pb2".lstrip(".")


def _import_exchanged(text: str, old: str, new: str) -> str:
    """Return protoc's code with another module imported; for keywords it has a call, and a name of its own for each."""
    alias = _alias(old)
    call = f"\n{alias} = importlib.import_module('{old}')\n"
    line = f"\n{_import(old)} as {alias}\n"
    return _exchanged(text, call if call in text else line, f"\n{_import(new)} as {alias}\n")


def _alias(module: str) -> str:
    """Return what protoc's code calls an imported module."""
    return module.replace("_", "__").replace(".", "_dot_")


def _import(module: str) -> str:
    parent, _, name = module.rpartition(".")
    return f"from {parent} import {name}" if parent else f"import {name}"


def _exchanged(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise CodegenError(f"protoc's code has {text.count(old)} times {old.strip()!r}, and once is expected")
    return text.replace(old, new)
