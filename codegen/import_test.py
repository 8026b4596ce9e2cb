"""Generated code is imported once before it replaces what is there, in a process and a folder of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from codegen.errors import CodegenError

_TIMEOUT_S: Final = 120
_PROGRAM: Final = (
    "import importlib, json, sys\n"
    "sys.path.insert(0, sys.argv[1])\n"
    "for name in json.loads(sys.argv[2]):\n"
    "    importlib.import_module(name)\n"
)


def require_imports(files: Mapping[str, str], package: str) -> None:
    """Import each generated module. ``package`` is what programs call the folder. Raises CodegenError."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory, *package.split("."))
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        for parent in list(folder.relative_to(directory).parents)[:-1]:  # or an installed package of that name wins
            (Path(directory) / parent / "__init__.py").touch()
        modules = sorted(_module_of(package, name) for name in files if name.endswith(".py"))
        command = [sys.executable, "-B", "-c", _PROGRAM, directory, json.dumps(modules)]
        # Elsewhere than the caller's folder, whose own package of that name would be found first.
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-1:] or ["it ended without a message"]
        raise CodegenError(f"the generated code of {package} does not import, so nothing was written: {words[0]}")


def _module_of(package: str, path: str) -> str:
    return f"{package}.{path.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
