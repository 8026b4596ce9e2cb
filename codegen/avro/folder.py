"""The Avro files of a contracts folder, read together: one may use the types of another."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final

from codegen.avro import parse as avro_parse
from codegen.avro.references import Imports, defined, missing, stand_alone, top
from codegen.avro.schema import AvroFile
from codegen.errors import ContractError
from codegen.json_places import line_at
from codegen.json_places import read as read_json
from codegen.project import SubjectEntry
from codegen.version_folders import Numbered, by_layout, subject_of

_FILES_MAX: Final = 1000
"""Files that one schema may need, all in all."""


class AvroFolder:
    """Finds for each file the ones that it needs.

    ``texts`` are the files by path, ``subjects`` the table of codegen.yaml, and ``released`` gives (text, imports) of a
    version from the history: SUBJECT@VERSION in the table.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        subjects: Mapping[str, SubjectEntry],
        released: Callable[[str, int], tuple[str, Imports]],
    ) -> None:
        self._texts = texts
        self._subjects = subjects
        self._released = released

    def parsed(self, path: str) -> AvroFile:
        """Return a file as a whole schema. Raises ContractError."""
        text = self._texts[path]
        tree, lines = read_json(path, text)
        uses, imports = self._needed(path)
        if not imports:
            return avro_parse.parse(path, text)
        try:
            schema = avro_parse.parse(path, stand_alone(text, imports))
        except ContractError as error:
            raise error.at(line_at(lines, error.place)) from error
        own = json.dumps(tree, separators=(",", ":"), ensure_ascii=False)
        return replace(schema, lines=lines, own_text=own, imports=imports, uses=uses)

    def _needed(self, path: str) -> tuple[Mapping[str, str], Imports]:
        """Return (file by type used directly, (name, text) of all that is needed, by way of others too)."""
        direct: dict[str, str] = {}
        found: dict[str, str] = {}
        waiting = [path]
        for file in waiting:  # grows while it is walked
            named = self._named(file)
            if named is not None:
                for name, (text, imports, other) in named.items():
                    found.setdefault(name, text)
                    found |= {inner: its for inner, its in imports if inner not in found}
                    if other and other not in waiting:
                        waiting.append(other)
                continue
            for name in missing(self._texts[file]):
                definer = self._file_of(file, name)
                if definer is None:
                    continue
                if file == path:
                    direct[name] = definer
                found.setdefault(definer, self._texts[definer])
                if definer not in waiting:
                    waiting.append(definer)
            if len(waiting) > _FILES_MAX:
                raise ContractError(path, "", f"needs more than {_FILES_MAX} other files", rule="avro-references")
        return direct, tuple((name, text) for name, text in found.items() if name != path)

    def _named(self, path: str) -> dict[str, tuple[str, Imports, str]] | None:
        """Return (text, imports, file in this folder) by name of what the table says that a file refers to."""
        for subject, entry in self._subjects.items():
            if entry.file != path or not entry.references:
                continue
            named = {}
            for name, other in entry.references.items():
                wanted, version = split_reference(other)
                try:
                    if version is not None:
                        named[f"{wanted} v{version}"] = (*self._released(wanted, version), "")
                    else:
                        file = self._subjects[wanted].file if wanted in self._subjects else self._tops[wanted]
                        named[file] = (self._texts[file], (), file)
                except KeyError as error:
                    problem = f"is {other!r}; there is no such subject here, or no such version in its history"
                    place = f"subjects.{subject}.references.{name}"
                    raise ContractError("codegen.yaml", place, problem, rule="avro-references") from error
            return named
        return None

    def _file_of(self, file: str, name: str) -> str | None:
        """Return the file that defines a type, one in the same folder first: versions often stand in folders.

        Of several versions of one contract it is the newest. None when no file does. Raises ContractError when several
        do.
        """
        for table in (self._by_top, self._by_type):
            others = [each for each in table.get(name, ()) if each != file]
            files = [each for each in others if _folder(each) == _folder(file)] or others
            alike = [path for _, path in self._versions.get(files[0], ())] if files else []
            if set(files) <= set(alike):
                files = [path for path in alike if path in files][-1:]
            if len(files) == 1:
                return files[0]
            if files:
                problem = (
                    f"uses {name}, which {' and '.join(files)} define; say which in codegen.yaml: "
                    f"subjects: {{SUBJECT: {{file: {file}, references: {{{name}: OTHER-SUBJECT}}}}}}"
                )
                raise ContractError(file, "", problem, rule="avro-references")
        return None

    @cached_property
    def _types(self) -> dict[str, tuple[str, ...]]:
        return {path: defined(text) for path, text in self._texts.items()}

    @cached_property
    def _tops(self) -> dict[str, str]:
        """The file of each subject that nobody names."""
        newest = {path: versions[-1][1] for path, versions in self._versions.items()}
        return {subject_of(path, name): newest.get(path, path) for path, name in self._names.items()}

    @cached_property
    def _names(self) -> dict[str, str]:
        """The full name of what each file is, empty for a type without a name."""
        return {path: top(text) for path, text in self._texts.items()}

    @cached_property
    def _versions(self) -> dict[str, Numbered]:
        """The versions among which each file is."""
        said = {path: entry.versions for entry in self._subjects.values() for _, path in entry.versions}
        return by_layout(self._names) | said

    @cached_property
    def _by_top(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path, name in self._names.items():
            found.setdefault(name, []).append(path)
        return found

    @cached_property
    def _by_type(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path, types in self._types.items():
            for name in types:
                found.setdefault(name, []).append(path)
        return found


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def split_reference(text: str) -> tuple[str, int | None]:
    """Return (subject, version) of ``SUBJECT`` or ``SUBJECT@VERSION``."""
    subject, at, version = text.rpartition("@")
    return (subject, int(version)) if at and version.isdigit() else (text, None)
