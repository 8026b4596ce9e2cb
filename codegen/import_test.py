"""Generated code is imported and tried once before it replaces what is there, in a process and a folder of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codegen.errors import CodegenError

_TIMEOUT_S: Final = 120
_TASK: Final = "task.json"
_PROGRAM: Final = f"""\
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
with open({_TASK!r}, encoding="utf-8") as file:
    names, trials = json.load(file)
modules = {{name: importlib.import_module(name) for name in names}}
for name, (cls, samples) in trials.items():
    module = modules[name]
    codec = getattr(module, cls) if cls else module
    for sample in samples:
        value = codec.decode(bytes.fromhex(sample))
        data = value.encode() if cls else module.encode(value)
        if codec.decode(data) != value:
            raise ValueError(f"{{name}} reads {{data.hex()}} not as the value that it wrote")
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
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory, *package.split("."))
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        for parent in list(folder.relative_to(directory).parents)[:-1]:  # or an installed package of that name wins
            (Path(directory) / parent / "__init__.py").touch()
        modules = sorted(_module_of(package, name) for name in files if name.endswith(".py"))
        tried = {
            _module_of(package, name): (one.cls, [raw.hex() for raw in one.samples]) for name, one in trials.items()
        }
        (Path(directory) / _TASK).write_text(json.dumps([modules, tried]), encoding="utf-8")
        command = [sys.executable, "-B", "-c", _PROGRAM, directory]
        # Elsewhere than the caller's folder, whose own package of that name would be found first.
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-1:] or ["it ended without a message"]
        raise CodegenError(f"the generated code of {package} does not work, so nothing was written: {words[0]}")


def _module_of(package: str, path: str) -> str:
    return f"{package}.{path.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
