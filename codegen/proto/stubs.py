"""Python modules of the Protobuf files: messages, gRPC, and typed stubs with asyncio only.

protoc names the modules and their imports after the files' names. Our modules live inside the generated package, so the
names are moved below it in the *descriptors*, which have a field for them, and protoc then generates from those. Only
the modules of messages come from descriptors with the contract's own names, by which a program's pool knows the files
from everybody's stubs: see message_modules. Files of other packages (``google/…``) keep their names and are not
generated: their modules come with their own distributions.
"""

import hashlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from google.protobuf import descriptor_pb2

from codegen.errors import CodegenError, ContractError
from codegen.proto import message_modules
from codegen.proto.buf import own_program
from codegen.proto.validate import VALIDATE_FILE, validate_files

_PROTOC_TIMEOUT_S = 60
_COMPILED_MAX = 128
_PROTOC_LINE = re.compile(r"(?P<file>[^\s:]+\.proto)(:(?P<line>\d+):(?P<column>\d+))?: (?P<problem>.*)")


def descriptor_set(proto_dir: Path, files: list[str]) -> descriptor_pb2.FileDescriptorSet:
    """Return the descriptors of ``files`` (names below ``proto_dir``) and of all they import, comments included.

    Raises ContractError with protoc's own words, which name file and line.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "set.bin"
        arguments = [f"-I{proto_dir}", *(f"-I{include}" for include in include_dirs())]
        if _needs_validate(proto_dir, files):
            installed = Path(directory) / "installed.bin"
            installed.write_bytes(validate_files().SerializeToString(deterministic=True))
            arguments.append(f"--descriptor_set_in={installed}")
        arguments += ["--include_imports", "--include_source_info", f"--descriptor_set_out={path}", *files]
        errors = _protoc(arguments)
        if errors is not None:
            raise _contract_error(errors.replace(f"{proto_dir}/", ""))
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())


def _contract_error(said: str) -> ContractError:
    """Return protoc's words with the file and the line of the first of them."""
    first, *more = said.splitlines() or [""]
    found = _PROTOC_LINE.match(first)
    if found is None:
        return ContractError("proto", "", said, rule="protoc")
    problem = "\n".join((found["problem"], *(f"  proto/{line}" for line in more)))
    line = int(found["line"] or 0)
    place = f"column {found['column']}" if found["column"] else ""
    return ContractError(f"proto/{found['file']}", place, problem, rule="protoc", line=line)


def descriptors_of(texts: Mapping[str, str], name: str) -> descriptor_pb2.FileDescriptorSet:
    """Return the descriptors of a file and of all it imports, from texts by import path; comments included.

    Files that are not among the texts come from the packages installed here. Nobody changes what is returned: a second
    call with the same texts returns the same object. Raises ContractError.
    """
    return _compiled(tuple(sorted(texts.items())), name)


@lru_cache(maxsize=_COMPILED_MAX)
def _compiled(texts: tuple[tuple[str, str], ...], name: str) -> descriptor_pb2.FileDescriptorSet:
    with tempfile.TemporaryDirectory() as directory:
        for path, text in texts:
            target = Path(directory) / path
            if not target.resolve().is_relative_to(Path(directory).resolve()):
                raise ContractError(path, "", "is not an import path")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return descriptor_set(Path(directory), [name])


def fingerprint(file: descriptor_pb2.FileDescriptorProto) -> str:
    """Return the SHA-256 of a file's descriptor without comments and places, as hex."""
    bare = descriptor_pb2.FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def _needs_validate(proto_dir: Path, files: list[str]) -> bool:
    """Tell whether a file imports buf/validate/validate.proto and the contracts do not bring it themselves."""
    return VALIDATE_FILE not in files and any(
        f'"{VALIDATE_FILE}"' in (proto_dir / name).read_text(encoding="utf-8", errors="replace") for name in files
    )


def include_dirs() -> list[Path]:
    """Return the folders with the Protobuf files of other packages: google/protobuf, google/rpc, …"""
    found = []
    for package, up in (("google.rpc", 2), ("grpc_tools", 0)):
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise CodegenError(
                f"the package {package} is not installed; install googleapis-common-protos, grpcio-tools"
            )
        location = Path(next(iter(spec.submodule_search_locations)))
        found.append(location / "_proto" if up == 0 else location.parents[up - 1])
    return found


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
        if VALIDATE_FILE in file.dependency and VALIDATE_FILE not in own:
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
    moved = relocated(found, set(own), prefix)
    plugins = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    options = [f"--plugin={name}={own_program(name, 'mypy-protobuf')}" for name in plugins]
    options += ["--grpc_python_out=OUT", "--mypy_out=quiet:OUT", "--mypy_grpc_out=only_async,quiet:OUT"]
    files = _compiled_by(options, moved, [f"{prefix}/{name}" for name in own], prefix)
    named = relocated(found, set(own), "")
    for file in named.file:
        message_modules.drop_derived_json_names(file.message_type, file.extension)
    messages = _compiled_by(["--python_out=OUT"], named, own, "")
    return files | message_modules.moved(messages, found, own, package)


def _compiled_by(
    options: list[str], descriptors: descriptor_pb2.FileDescriptorSet, names: list[str], prefix: str
) -> dict[str, str]:
    """Return what protoc writes below ``prefix`` for these files; OUT in an option is the folder that it writes to."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out"
        out.mkdir()
        path = Path(directory) / "set.bin"
        path.write_bytes(descriptors.SerializeToString(deterministic=True))
        arguments = [f"--descriptor_set_in={path}", *(each.replace("OUT", str(out)) for each in options), *names]
        errors = _protoc(arguments)
        if errors is not None:
            raise CodegenError(f"protoc: {errors}")
        root = out / prefix
        return {
            file.relative_to(root).as_posix(): file.read_text(encoding="utf-8")
            for file in sorted(root.rglob("*"))
            if file.is_file()
        }


def _protoc(arguments: list[str]) -> str | None:
    """Run protoc and return its error text, or None."""
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PROTOC_TIMEOUT_S, check=False)
    return None if done.returncode == 0 else done.stderr.strip()
