"""Python modules of the Protobuf files: messages, gRPC, and typed stubs.

protoc names the modules and their imports after the files' names. Our modules live inside the generated package, so the
names are moved below it in the *descriptors*, which have a field for them, and protoc then generates from those. Only
the modules of messages come from descriptors with the contract's own names, by which a program's pool knows the files
from everybody's stubs: see message_modules. Files of other packages (``google/…``) keep their names and are not
generated: their modules come with their own distributions.
"""

import importlib.util
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import ZipFile

from google.protobuf import descriptor_pb2

from codegen import cache
from codegen.errors import CodegenError, ContractError
from codegen.package_names import module_of_proto
from codegen.proto import message_modules
from codegen.proto.buf import own_program
from codegen.proto.compiler import imports_of, run_protoc
from codegen.proto.validate import VALIDATE_FILE, is_for_rules, types_of

_OPTIONS_OF_MYPY: Final = "mypy_protobuf/extensions.proto"
_PLUGINS: Final = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
_STUBS: Final = ("--grpc_python_out=OUT", "--mypy_out=quiet:OUT")


def relocated(found: descriptor_pb2.FileDescriptorSet, own: set[str], prefix: str) -> descriptor_pb2.FileDescriptorSet:
    """Return a copy in which the files of ``own`` are named after their modules below ``prefix``, also in imports.

    Without a prefix they keep their names.

    The import of buf/validate/validate.proto goes: rules are options, which messages carry without knowing them. So
    does each other import that is there for its options alone, where its Python module is not installed.
    """
    moved = descriptor_pb2.FileDescriptorSet()
    moved.CopyFrom(found)
    exported = {file.name: _exported(file) for file in found.file}
    for file in moved.file:
        if file.name in own:
            file.name = _moved(file.name, prefix)
        if VALIDATE_FILE in file.dependency and is_for_rules(file) and VALIDATE_FILE not in own:
            _drop_import(file, VALIDATE_FILE)
        for dependency in [each for each in file.dependency if each not in own and not _has_module(each)]:
            if exported[dependency] & set(types_of(file)):
                raise ContractError(file.name, "", f"imports {dependency}, whose Python module is not installed")
            _drop_import(file, dependency)
        for imported in (file.dependency, file.option_dependency):
            for i, dependency in enumerate(imported):
                if dependency in own:
                    imported[i] = _moved(dependency, prefix)
    return moved


def _moved(name: str, prefix: str) -> str:
    return f"{prefix}/{module_of_proto(name).replace('.', '/')}.proto" if prefix else name


def _exported(file: descriptor_pb2.FileDescriptorProto) -> set[str]:
    """Return the full names of the messages and enums of a file."""
    prefix = f".{file.package}" if file.package else ""
    names = [f"{prefix}.{one.name}" for one in file.enum_type]
    waiting = [(f"{prefix}.{one.name}", one) for one in file.message_type]
    for name, message in waiting:  # grows while it is walked
        names += [name, *(f"{name}.{one.name}" for one in message.enum_type)]
        waiting += [(f"{name}.{one.name}", one) for one in message.nested_type]
    return set(names)


@lru_cache(maxsize=4096)
def _has_module(file: str) -> bool:
    module = file.removesuffix(".proto").replace("-", "_").replace("/", ".") + "_pb2"
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even its package is there
        return False


def _drop_import(file: descriptor_pb2.FileDescriptorProto, name: str) -> None:
    place = list(file.dependency).index(name)
    if place in file.public_dependency:
        raise ContractError(file.name, "", f"imports {name} publicly; import it without public")
    del file.dependency[place]
    for places in (file.public_dependency, file.weak_dependency):
        places[:] = [each - (each > place) for each in places if each != place]


def generate(
    found: descriptor_pb2.FileDescriptorSet, own: list[str], package: str, *, only_async: bool = True
) -> dict[str, str]:
    """Return the modules' texts by path below the package's folder.

    ``package`` is the dotted name that the modules have, for example ``contracts.generated``. Stubs of services are
    typed for asyncio, and without ``only_async`` for calls that block as well.
    """
    stubs_options = (*_STUBS, f"--mypy_grpc_out={'only_async,' if only_async else ''}quiet:OUT")
    prefix = package.replace(".", "/")
    relocated_files = relocated(found, set(own), prefix)
    if not any(_OPTIONS_OF_MYPY in imports_of(file) for file in found.file):
        # Options say nothing in stubs, and the plugin takes those with the numbers of its own for its own.
        relocated_files.DiscardUnknownFields()
    moved = relocated_files.SerializeToString(deterministic=True)
    names = [_moved(name, prefix) for name in own]
    half = len(names) // 2
    with ThreadPoolExecutor(2) as threads:  # protoc and its plugins use one core each
        halves = [_Run(stubs_options, moved, tuple(part), prefix) for part in (names[:half], names[half:]) if part]
        under_way = [threads.submit(_output, run) for run in halves]
        messages = _output(_Run(("--python_out=OUT",), _named(found, own), tuple(own), ""))
        files = {name: text for each in under_way for name, text in each.result().items()}
    return files | message_modules.moved(messages, found, own, package)


def _named(found: descriptor_pb2.FileDescriptorSet, own: list[str]) -> bytes:
    """Return the descriptors under the contract's own names, with what modules of messages have of them."""
    named = relocated(found, set(own), "")
    for file in named.file:
        message_modules.drop_derived_json_names(file.message_type, file.extension)
        file.ClearField("source_code_info")
    return named.SerializeToString(deterministic=True)


class _Run(NamedTuple):
    """A run of protoc: its options, where OUT is the folder that it writes to, a descriptor set, and files of it.

    What is wanted is what it writes below ``prefix``.
    """

    options: tuple[str, ...]
    descriptors: bytes
    names: tuple[str, ...]
    prefix: str


def _output(run: _Run) -> dict[str, str]:
    """Return what protoc writes, by path; kept in the cache. Raises CodegenError."""
    versions = map(cache.version_of, ("grpcio-tools", "mypy-protobuf", "protobuf"))
    key = cache.key_of(("protoc's plugins", *versions, *run.options, run.prefix, *run.names, "", run.descriptors))
    kept = cache.get(key)
    if kept is None:
        kept = json.dumps(_written(run)).encode()
        cache.put(key, kept)
    found: dict[str, str] = json.loads(kept)
    return found


def _written(run: _Run) -> dict[str, str]:
    plugins = [f"--plugin={name}={own_program(name, 'mypy-protobuf')}" for name in _PLUGINS]
    with tempfile.TemporaryDirectory() as directory:
        out, path = Path(directory) / "out.zip", Path(directory) / "set.bin"  # one file instead of thousands
        path.write_bytes(run.descriptors)
        options = [each.replace("OUT", str(out)) for each in run.options]
        errors = run_protoc([f"--descriptor_set_in={path}", *plugins, *options, *run.names])
        if errors is not None:
            raise CodegenError(f"protoc: {errors}")
        with ZipFile(out) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
            below = f"{run.prefix}/".lstrip("/")
            return {
                name.removeprefix(below): archive.read(name).decode("utf-8") for name in names if name.startswith(below)
            }
