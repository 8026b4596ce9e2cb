"""buf.yaml, beside proto/ or in it: what of it is heard. What is not is refused by name, so that nobody relies on it.

codegen compiles one module, the folder proto/. Heard are ``lint`` and ``breaking``, of the file or of that module, with
``ignore`` and ``ignore_only`` as buf has them. ``deps`` are files that ``buf export`` leaves in proto/, and names say
nothing here.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from codegen.errors import ContractError
from codegen.yaml_file import mapping_of

_STANDARD: Final = {"use": ["STANDARD"]}
_LINT: Final = frozenset(
    (
        "use", "except", "ignore", "ignore_only", "disallow_comment_ignores", "allow_comment_ignores",
        "enum_zero_value_suffix", "rpc_allow_same_request_response", "rpc_allow_google_protobuf_empty_requests",
        "rpc_allow_google_protobuf_empty_responses", "service_suffix", "disable_builtin",
    )
)  # fmt: skip
_BREAKING: Final = frozenset(("use", "except", "ignore", "ignore_only", "ignore_unstable_packages", "disable_builtin"))
_FILE: Final = {
    "v1": frozenset(("version", "name", "deps", "lint", "breaking")),
    "v2": frozenset(("version", "name", "modules", "deps", "lint", "breaking")),
}
_MODULE: Final = frozenset(("path", "name", "lint", "breaking"))
_FOLDER: Final = "proto"


@dataclass(frozen=True)
class BufYaml:
    """The settings of lint and of breaking changes, with paths below proto/. ``breaking`` None: codegen's own."""

    lint: Mapping[str, Any] = field(default_factory=lambda: dict(_STANDARD))
    breaking: Mapping[str, Any] | None = None


def buf_yaml_of(root: Path) -> BufYaml:
    """Return what a contracts folder's buf.yaml says. Raises ContractError naming the key and what is allowed."""
    found = [name for name in ("buf.yaml", f"{_FOLDER}/buf.yaml") if (root / name).is_file()]
    if not found:
        return BufYaml()
    if len(found) > 1:
        raise ContractError(found[1], "", "stands beside buf.yaml; keep one of them", rule="buf-yaml")
    [name] = found
    content = "with version: v2, as buf config init writes it"
    return _Reader(name, mapping_of(root / name, content)).read()


class _Reader:
    def __init__(self, name: str, tree: Mapping[str, Any]) -> None:
        self._name = name
        self._tree = tree

    def read(self) -> BufYaml:
        version = self._tree.get("version")
        if version not in _FILE:
            raise self._error("version", f"is {version!r}; allowed are v2 and v1; run: buf config migrate")
        if version == "v1" and self._name == "buf.yaml":
            raise self._error("version", "is 'v1', by which imports start beside it; move it to proto/buf.yaml")
        self._only("", self._tree, _FILE[version])
        module = self._module() if version == "v2" and self._name == "buf.yaml" else {}
        # Paths start at the file, of version 1 at its module, which is the same folder.
        before = f"{_FOLDER}/" if self._name == "buf.yaml" else ""
        lint = self._settings("lint", module, _LINT, before)
        breaking = self._settings("breaking", module, _BREAKING, before)
        return BufYaml({**_STANDARD, **(lint or {})}, None if breaking is None else {"use": ["FILE"], **breaking})

    def _module(self) -> Mapping[str, Any]:
        """Return the module that codegen reads."""
        modules = self._tree.get("modules")
        if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
            raise self._error("modules", "must be a list of mappings with path: proto")
        for i, module in enumerate(modules):
            path = posixpath.normpath(str(module.get("path", ".")))
            if path != _FOLDER:
                problem = f"is {path!r}; codegen reads the module {_FOLDER} and no other: move its files there"
                raise self._error(f"modules[{i}].path", problem)
            self._only(f"modules[{i}].", module, _MODULE)
        return modules[0] if modules else {}

    def _settings(
        self, key: str, module: Mapping[str, Any], allowed: frozenset[str], before: str
    ) -> dict[str, Any] | None:
        """Return lint or breaking; the module's own replaces the file's, as buf has it."""
        if key not in module and key not in self._tree:
            return None
        tree: Any = module[key] if key in module else self._tree[key]
        if not isinstance(tree, dict):
            raise self._error(key, f"is {tree!r}; allowed is a mapping")
        self._only(f"{key}.", tree, allowed)
        found: dict[str, Any] = dict(tree)
        if "ignore" in found:
            found["ignore"] = self._paths(f"{key}.ignore", found["ignore"], before)
        if "ignore_only" in found:
            only = found["ignore_only"]
            if not isinstance(only, dict):
                raise self._error(f"{key}.ignore_only", f"is {only!r}; allowed is a mapping of rules to paths")
            rules = only.items()
            found["ignore_only"] = {
                rule: self._paths(f"{key}.ignore_only.{rule}", paths, before) for rule, paths in rules
            }
        return found

    def _paths(self, place: str, paths: Any, before: str) -> list[str]:
        """Return paths below proto/."""
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise self._error(place, f"is {paths!r}; allowed is a list of paths")
        found = [posixpath.normpath(path) for path in paths]
        for path in found:
            if not f"{path}/".startswith(before):
                raise self._error(place, f"has {path!r}; allowed are paths that begin with {before}")
        return [path.removeprefix(before) if path != _FOLDER or not before else "." for path in found]

    def _only(self, place: str, tree: Mapping[str, Any], allowed: frozenset[str]) -> None:
        for key in tree:
            if key not in allowed:
                problem = f"is not heard by codegen; it hears {', '.join(sorted(allowed))}"
                raise self._error(f"{place}{key}", problem)

    def _error(self, place: str, problem: str) -> ContractError:
        return ContractError(self._name, place, problem, rule="buf-yaml")
