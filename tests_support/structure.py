"""Measures how the code stands: ``python -m tests_support.structure [FOLDER]`` prints one table.

Hand-written Python only: tests, what tests share and generated code are left out, but for the ratio of tests to code.
Lengths are lines without blank ones and comments; a function's include those of functions inside it.
"""

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TESTS: Final = ("tests", "tests_support")
LEFT_OUT: Final = ("generated", "node_modules", "build", "data")

_TYPE_CHECKING: Final = "TYPE_CHECKING"


@dataclass(frozen=True)
class Module:
    """One file of Python: ``name`` is dotted, ``lines`` counts code and docstrings."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def package(self) -> str:
        """Return the top-level package."""
        return self.name.split(".")[0]


def modules_of(root: Path, folders: Iterable[str]) -> list[Module]:
    """Return every module of the folders, sorted by name."""
    files = [
        path
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        if not any(part in LEFT_OUT or part.startswith(".") for part in path.relative_to(root).parts)
    ]
    return [_module(root, path) for path in files]


def functions_of(module: Module) -> list[int]:
    """Return the length of every function."""
    lines = module.path.read_text(encoding="utf-8").splitlines()
    return [
        _code_lines(lines[node.lineno - 1 : node.end_lineno])
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def imports_of(module: Module, names: frozenset[str], *, at_run_time: bool = False) -> set[str]:
    """Return the modules of ``names`` that a module imports anywhere; at run time without TYPE_CHECKING's."""
    skipped = set[int]()
    if at_run_time:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.If) and _TYPE_CHECKING in ast.unparse(node.test):
                skipped |= {id(each) for branch in node.body for each in ast.walk(branch)}
    found = set[str]()
    for node in ast.walk(module.tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in names else node.module for name in full}
    return {name for name in found if name in names and name != module.name}


def public_names_of(module: Module) -> int:
    """Return how many names a module defines for others: functions, classes and assignments without an underscore."""
    found = set[str]()
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return sum(not name.startswith("_") for name in found)


def cycles_of(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the circles of imports: every group of modules that reach each other."""
    return [sorted(group) for group in _strong_components(graph) if len(group) > 1]


def class_names_twice(modules: Iterable[Module]) -> list[str]:
    """Return ``package: name`` of every public class that two modules of one top-level package define."""
    seen = Counter(
        f"{module.package}: {node.name}"
        for module in modules
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    return sorted(name for name, times in seen.items() if times > 1)


@dataclass(frozen=True)
class Structure:
    """A checkout's hand-written modules, and what imports what: all imports, and those at run time."""

    code: Sequence[Module]
    imports: Mapping[str, set[str]]
    imports_at_run_time: Mapping[str, set[str]]
    lines_of_tests: int

    @property
    def files_by_folder(self) -> Counter[str]:
        """How many modules stand in each folder itself."""
        return Counter(str(module.path.parent) for module in self.code)

    @property
    def public_names(self) -> dict[str, int]:
        """How many public names each module defines."""
        return {module.name: public_names_of(module) for module in self.code}


def structure_of(root: Path) -> Structure:
    """Read the checkout at ``root``. Raises SyntaxError, OSError."""
    folders = sorted(path.name for path in root.iterdir() if path.is_dir() and any(path.glob("*.py")))
    code = modules_of(root, [folder for folder in folders if folder not in TESTS])
    names = frozenset(module.name for module in code)
    return Structure(
        code,
        {module.name: imports_of(module, names) for module in code},
        {module.name: imports_of(module, names, at_run_time=True) for module in code},
        sum(module.lines for module in modules_of(root, TESTS)),
    )


def main() -> int:
    """Print the table."""
    root = Path(sys.argv[1] if sys.argv[1:] else ".").resolve()
    found = structure_of(root)
    functions = [length for module in found.code for length in functions_of(module)]
    lengths = [module.lines for module in found.code]
    cycles = f"{len(cycles_of(found.imports_at_run_time))} / {len(cycles_of(found.imports))}"
    imports = {name: len(each) for name, each in found.imports.items()}
    files = {str(Path(name).relative_to(root)): each for name, each in found.files_by_folder.items()}
    twice = class_names_twice(found.code)
    rows = {
        "function length median / p90 / max": f"{_spread(functions)} / {max(functions)}",
        "module length median / p90 / max": f"{_spread(lengths)} / {max(lengths)}",
        "own imports a module p90 / max": f"{_p90(list(imports.values()))} / {_most(imports)}",
        "files in the fullest folder": _most(files),
        "public names a module, max": _most(found.public_names),
        "import cycles at run time / with TYPE_CHECKING": cycles,
        "tests : code": f"{found.lines_of_tests / sum(lengths):.2f}",
        "class names twice in one package": f"{len(twice)} {twice or ''}".strip(),
        "lines of code": f"{sum(lengths)} in {len(found.code)} modules",
    }
    for package, lines in sorted(_by_package(found.code).items()):
        rows[f"lines in {package}"] = str(lines)
    width = max(map(len, rows))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in rows.items()))
    return 0


def _module(root: Path, path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    parts = list(path.relative_to(root).with_suffix("").parts)
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, ast.parse(text), _code_lines(text.splitlines()))


def _code_lines(lines: Iterable[str]) -> int:
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)


def _by_package(modules: Iterable[Module]) -> Counter[str]:
    counted = Counter[str]()
    for module in modules:
        counted[module.package] += module.lines
    return counted


def _most(counts: Mapping[str, int]) -> str:
    name = max(counts, key=lambda each: counts[each])
    return f"{counts[name]} ({name})"


def _spread(values: list[int]) -> str:
    return f"{statistics.median(values):.0f} / {_p90(values)}"


def _p90(values: list[int]) -> int:
    return sorted(values)[int(0.9 * (len(values) - 1))]


def _strong_components(graph: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """Yield groups of modules that reach each other (Kosaraju: two passes, the second over the reversed arrows)."""
    order = list[str]()
    seen = set[str]()
    for start in graph:
        _visit(graph, start, seen, order)
    reversed_graph: dict[str, set[str]] = {name: set() for name in graph}
    for name, targets in graph.items():
        for target in targets:
            reversed_graph[target].add(name)
    seen.clear()
    for start in reversed(order):
        group = list[str]()
        _visit(reversed_graph, start, seen, group)
        if group:
            yield set(group)


def _visit(graph: Mapping[str, set[str]], start: str, seen: set[str], order: list[str]) -> None:
    """Append what can be reached and was not seen, each after all that it leads to."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(graph[start]))]
    while stack:
        name, targets = stack[-1]
        following = next((target for target in targets if target not in seen), None)
        if following is None:
            stack.pop()
            order.append(name)
        else:
            seen.add(following)
            stack.append((following, iter(graph[following])))


if __name__ == "__main__":
    sys.exit(main())
