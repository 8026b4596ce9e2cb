"""Generated code is imported and tried once before it replaces what is there, in a process of its own.

That process gets the texts through a pipe and imports from memory: thousands of files to be read once are never made.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from codegen.errors import CodegenError

_TIMEOUT_S: Final = 120
_PROGRAM: Final = """\
import importlib, importlib.abc, importlib.util, json, sys

texts, packages, names, trials = json.load(sys.stdin.buffer)


class FromMemory(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in texts else None

    def is_package(self, name):
        return name in packages

    def get_source(self, name):
        return texts[name]


sys.meta_path.insert(0, FromMemory())  # first, or an installed package of the same name wins
modules = {name: importlib.import_module(name) for name in names}
for name, (cls, samples) in trials.items():
    module = modules[name]
    codec = getattr(module, cls) if cls else module
    for sample in samples:
        value = codec.decode(bytes.fromhex(sample))
        data = value.encode() if cls else module.encode(value)
        if codec.decode(data) != value:
            raise ValueError(f"{name} reads {data.hex()} not as the value that it wrote")
"""


@dataclass(frozen=True)
class Trial:
    """Values to be read, written and read again by a module: by its class ``cls``, or by its functions if empty."""

    cls: str
    samples: Sequence[bytes]


def require_works(files: Mapping[str, str], package: str, trials: Mapping[str, Trial]) -> None:
    """Import each generated module, and try those of ``trials``, by file. Raises CodegenError.

    ``package`` is what programs call the folder.
    """
    texts = {_module_of(package, name): text for name, text in files.items() if name.endswith(".py")}
    modules = sorted(texts)
    packages = {_module_of(package, name) for name in files if name.endswith("__init__.py")}
    packages.update(above for module in modules for above in _above(module) if above not in texts)
    texts |= {each: "" for each in packages if each not in texts}
    tried = {_module_of(package, name): (one.cls, [raw.hex() for raw in one.samples]) for name, one in trials.items()}
    task = json.dumps([texts, sorted(packages), modules, tried]).encode()
    command = [sys.executable, "-B", "-P", "-c", _PROGRAM]  # -P: the caller's folder is no place to import from
    done = subprocess.run(command, input=task, capture_output=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it ended without a message"]
        raise CodegenError(f"the generated code of {package} does not work, so nothing was written: {words[0]}")


def _module_of(package: str, path: str) -> str:
    return f"{package}.{path.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")


def _above(module: str) -> list[str]:
    """Return the packages that a module is in."""
    parts = module.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]
