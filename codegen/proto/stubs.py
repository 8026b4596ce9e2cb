"""Python modules of the Protobuf files: messages, gRPC, and typed stubs with asyncio only.

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
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf import descriptor_pb2

from codegen import cache
from codegen.errors import CodegenError, ContractError
from codegen.proto import message_modules
from codegen.proto.buf import own_program
from codegen.proto.compiler import run_protoc
from codegen.proto.validate import VALIDATE_FILE, is_for_rules

_PLUGINS: Final = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
_STUBS: Final = ("--grpc_python_out=OUT", "--mypy_out=quiet:OUT", "--mypy_grpc_out=only_async,quiet:OUT")


def relocated(found: descriptor_pb2.FileDescriptorSet, own: set[str], prefix: str) -> descriptor_pb2.FileDescriptorSet:
    """Return a copy in which the files of ``own`` are named ``prefix/name``, also where they are imported.

    Without a prefix they keep their names.

    The import of buf/validate/validate.proto goes: rules are options, which messages carry without knowing them.
    """
    moved = descriptor_pb2.FileDescriptorSet()
    moved.CopyFrom(found)
    for file in moved.file:
        if file.name in own:
            file.name = f"{prefix}/{file.name}".lstrip("/")
        if is_for_rules(file) and VALIDATE_FILE not in own:
            _drop_import(file)
        for i, dependency in enumerate(file.dependency):
            if dependency in own:
                file.dependency[i] = f"{prefix}/{dependency}".lstrip("/")
            elif importlib.util.find_spec(dependency.removesuffix(".proto").replace("/", ".") + "_pb2") is None:
                raise ContractError(file.name, "", f"imports {dependency}, whose Python module is not installed")
    return moved


def _drop_import(file: descriptor_pb2.FileDescriptorProto) -> None:
    place = list(file.dependency).index(VALIDATE_FILE)
    if place in file.public_dependency:
        raise ContractError(file.name, "", f"imports {VALIDATE_FILE} publicly; import it without public")
    del file.dependency[place]
    for places in (file.public_dependency, file.weak_dependency):
        places[:] = [each - (each > place) for each in places if each != place]


def generate(found: descriptor_pb2.FileDescriptorSet, own: list[str], package: str) -> dict[str, str]:
    """Return the modules' texts by path below the package's folder.

    ``package`` is the dotted name that the modules have, for example ``contracts.generated``.
    """
    prefix = package.replace(".", "/")
    moved = relocated(found, set(own), prefix).SerializeToString(deterministic=True)
    names = [f"{prefix}/{name}" for name in own]
    half = len(names) // 2
    named = relocated(found, set(own), "")
    for file in named.file:
        message_modules.drop_derived_json_names(file.message_type, file.extension)
        file.ClearField("source_code_info")
    runs = [
        _Run(("--python_out=OUT",), named.SerializeToString(deterministic=True), tuple(own), ""),
        *(_Run(_STUBS, moved, tuple(part), prefix) for part in (names[:half], names[half:]) if part),
    ]
    with ThreadPoolExecutor(len(runs)) as threads:  # protoc and its plugins use one core each
        messages, *stubs = threads.map(_output, runs)
    files = {name: text for part in stubs for name, text in part.items()}
    return files | message_modules.moved(messages, found, own, package)


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
        out = Path(directory) / "out"
        out.mkdir()
        path = Path(directory) / "set.bin"
        path.write_bytes(run.descriptors)
        options = [each.replace("OUT", str(out)) for each in run.options]
        errors = run_protoc([f"--descriptor_set_in={path}", *plugins, *options, *run.names])
        if errors is not None:
            raise CodegenError(f"protoc: {errors}")
        root = out / run.prefix
        return {
            file.relative_to(root).as_posix(): file.read_text(encoding="utf-8")
            for file in sorted(root.rglob("*"))
            if file.is_file()
        }
